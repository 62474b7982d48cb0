"""A text-to-image model from a diffusers folder (Rombach et al. 2022) behind the Prior protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from server.errors import BadRequest
from server.priors.folder import ModelFolder, read_folder
from server.priors.parametrisation import NoiseTable, Prediction, as_denoiser
from server.priors.views import Views

# Prompts remembered at once: a job needs two, a worker lives through many jobs.
REMEMBERED_PROMPTS = 64


@dataclass(frozen=True)
class TextCondition:
    """Last hidden states of the text encoder, float [1, length, width]: the same for every view."""

    states: Tensor


class LatentDiffusion:
    """Stable Diffusion and models of its shape.

    Latents are scaled as the denoiser expects them (standard deviation about 1), so bandwidths and noise levels are in
    units of that scale. Noise levels the network was trained for: from `levels.sigma_min` to `levels.sigma_max`, about
    .03 to 14.6 for Stable Diffusion; beyond them it is asked at its first or last timestep.

    The denoiser runs in float32 on the CPU and in half precision on CUDA; everything that crosses the protocol is
    float32.

    Args:
        folder: see priors/folder.py for what is supported.
        device: "cpu" or "cuda".

    Raises:
        BadRequest: "prior-unknown" or "prior-broken".
    """

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        model = read_folder(folder)
        self.card = model.card
        self.device = torch.device(device)
        self.levels = _noise_table(model)
        self._prediction = cast(Prediction, model.prediction)
        self._load(model)
        self._states = lru_cache(maxsize=REMEMBERED_PROMPTS)(self._encode_text)

    def _load(self, model: ModelFolder) -> None:
        # Imported here, because these libraries take seconds and the file must be cheap to import.
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTokenizer

        half = _half_precision(self.device)
        options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "low_cpu_mem_usage": False}
        self._unet = UNet2DConditionModel.from_pretrained(
            model.path / "unet", torch_dtype=half, variant=model.variants["unet"], **options
        )
        self._vae = AutoencoderKL.from_pretrained(
            model.path / "vae", torch_dtype=torch.float32, variant=model.variants["vae"], **options
        )
        if not self._vae.config.force_upcast:
            self._vae.to(half)
        with _without_progress_bars():
            self._text_encoder = CLIPTextModel.from_pretrained(
                model.path / "text_encoder", dtype=half, variant=model.variants["text_encoder"], **options
            )
        self._tokenizer = CLIPTokenizer.from_pretrained(model.path / "tokenizer", local_files_only=True)
        for network in (self._unet, self._vae, self._text_encoder):
            network.requires_grad_(False).eval().to(self.device)
        if self.device.type == "cuda":
            # Its activations at 512 pixels would otherwise be the largest thing in memory.
            self._vae.enable_gradient_checkpointing()

    def condition(self, prompt: str, views: Views | None = None) -> TextCondition:
        """The prompt's text states, encoded once and remembered; views are not used.

        Raises:
            BadRequest: "prompt-unreadable" when the prompt is longer than the text encoder reads.
        """
        return TextCondition(self._states(prompt))

    @torch.no_grad()
    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[TextCondition]) -> list[Tensor]:
        """See Prior.denoise: all conditions in one forward pass of the network."""
        count = len(conditions)
        states = torch.cat([condition.states.expand(len(noisy), -1, -1) for condition in conditions])

        def network(scaled: Tensor, time: Tensor) -> Tensor:
            output = self._unet(scaled.to(self._unet.dtype), time, states, return_dict=False)[0]
            return cast(Tensor, output).float()

        denoiser = as_denoiser(network, self._prediction, self.levels)
        repeated = noisy.float().repeat(count, 1, 1, 1)
        return list(denoiser(repeated, sigma.float().repeat(count)).chunk(count))

    def encode(self, image: Tensor) -> Tensor:
        """Mean of the encoder's posterior, shifted and scaled; differentiable.

        Args:
            image: [B, 3, S, S] in [0, 1]; resized when S is not the card's image_size.
        """
        size = self.card.image_size
        if image.shape[-1] != size:
            image = functional.interpolate(image, (size, size), mode="bilinear", antialias=True)
        mean = self._vae.encode((image * 2 - 1).to(self._vae.dtype)).latent_dist.mean
        return cast(Tensor, (mean.float() - self._shift) * self._vae.config.scaling_factor)

    @torch.no_grad()
    def decode(self, latent: Tensor) -> Tensor:
        """See Prior.decode."""
        raw = latent / self._vae.config.scaling_factor + self._shift
        return cast(Tensor, self._vae.decode(raw.to(self._vae.dtype)).sample.float() / 2 + 0.5)

    @property
    def _shift(self) -> float:
        return float(self._vae.config.shift_factor or 0.0)

    @torch.no_grad()
    def _encode_text(self, prompt: str) -> Tensor:
        limit = min(self._tokenizer.model_max_length, self._text_encoder.config.max_position_embeddings)
        tokens = self._tokenizer(prompt, padding="max_length", max_length=limit, return_tensors="pt").input_ids
        if tokens.shape[1] > limit:
            raise BadRequest(
                "prompt-unreadable",
                f"The prompt is {tokens.shape[1] - 2} tokens long; this model reads {limit - 2}.",
                "Shorten the prompt.",
            )
        return cast(Tensor, self._text_encoder(tokens.to(self.device))[0])


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Standard error belongs to the job's own progress."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _noise_table(model: ModelFolder) -> NoiseTable:
    from diffusers import DDIMScheduler

    # The betas and their corrections are the same in every scheduler of this family; this is the plainest of them.
    return NoiseTable.from_alphas_cumprod(DDIMScheduler.from_config(model.scheduler).alphas_cumprod)


def _half_precision(device: torch.device) -> torch.dtype:
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
