"""A model's networks and tokenizers from its files, one by one, each in the precision it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from server.errors import Problem
from server.priors.parametrisation import NoiseTable
from server.priors.pretrained.conversion import open_network
from server.priors.pretrained.families import FAMILIES, PretrainedModel, broken
from server.priors.pretrained.precision import Precision
from server.priors.quiet import without_progress_bars


@dataclass(frozen=True)
class Networks:
    """Attributes: frozen networks, on the CPU; text encoders and tokenizers by their names in a diffusers folder."""

    denoiser: Any
    vae: Any
    text_encoders: dict[str, nn.Module]
    tokenizers: dict[str, Any]


def load_networks(model: PretrainedModel, precision: Precision) -> Networks:
    """Open all of a model's files.

    Raises:
        BadRequest: "prior-broken" when one of its parts cannot be opened.
    """
    family = FAMILIES[model.family]
    networks = {}
    with without_progress_bars():
        for part in model.configs:
            dtype = precision.vae if part == "vae" else precision.networks
            with _naming(model, part):
                network: Any = open_network(model, part, dtype)
            if part == "text_encoder_3" and dtype == torch.float16:
                _keep_range(network)
            networks[part] = network.requires_grad_(False).eval()
    tokenizers = {}
    for part in model.tokenizers:
        with _naming(model, part):
            tokenizers[part] = _open_tokenizer(model, part)
    return Networks(
        denoiser=networks.pop(family.denoiser),
        vae=networks.pop("vae"),
        text_encoders=networks,
        tokenizers=tokenizers,
    )


def noise_table(model: PretrainedModel) -> NoiseTable | None:
    """The noise level of every timestep; None for flow matching, where levels and times are formulas of each other."""
    if model.prediction == "flow":
        return None
    from diffusers import DDIMScheduler

    # The betas and their corrections are the same in every scheduler of this family; this is the plainest of them.
    with _naming(model, "scheduler"):
        scheduler: Any = DDIMScheduler.from_config(model.scheduler)
        return NoiseTable.from_alphas_cumprod(scheduler.alphas_cumprod)


@contextmanager
def _naming(model: PretrainedModel, part: str) -> Iterator[None]:
    """The libraries that open a part have many ways to say that they cannot; all of them are about its files."""
    try:
        yield
    except (Problem, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        hint = "Its files may be damaged, or of a kind that is not known here. Copy or download it again."
        raise broken(f"{model.path}: its {part} cannot be opened ({said}).", hint) from error


def _open_tokenizer(model: PretrainedModel, part: str) -> Any:
    from transformers import CLIPTokenizer, T5Tokenizer

    options: dict[str, Any] = {"local_files_only": True}
    if part == "tokenizer_3":
        return T5Tokenizer.from_pretrained(model.tokenizers[part], **options)
    if model.prefixes and model.configs[part.replace("tokenizer", "text_encoder")]["hidden_act"] == "gelu":
        # A vocabulary that was found elsewhere knows only the filler of the original CLIP; OpenCLIP's is the word 0.
        options["pad_token"] = "!"
    return CLIPTokenizer.from_pretrained(model.tokenizers[part], **options)


def _keep_range(t5: Any) -> None:
    """The last matrix of each feed-forward layer of T5 overflows in float16."""
    for name, parameter in t5.named_parameters():
        if name.endswith(".wo.weight"):
            parameter.data = parameter.data.float()
