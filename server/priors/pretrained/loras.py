"""Whether LoRA files belong to a model. Free of torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from server.errors import BadRequest
from server.priors.pretrained.families import FAMILIES, PretrainedModel
from server.priors.pretrained.few_steps import suit_few_steps
from server.priors.pretrained.header import Header, read_header
from server.priors.pretrained.lora_files import read_lora
from server.priors.pretrained.others import what_else

# Widths of the texts that models read tell them apart; so does the first matrix of a LoRA's attention to texts.
_ATTENDS_TO_TEXT = re.compile(r"attn2[._].*to_[kv].*(lora_down|lora_A|lora\.down)")
_BY_TEXTS = {768: "Stable Diffusion 1", 1024: "Stable Diffusion 2", 2048: "Stable Diffusion XL"}
_BY_NAME = {
    "single_transformer_blocks": "Flux",
    "single_blocks": "Flux",
    "double_blocks": "Flux",
    "joint_blocks": "Stable Diffusion 3",
    "transformer_blocks_0_attn_add": "Stable Diffusion 3",
    "transformer.transformer_blocks": "Stable Diffusion 3",
}
_OF_FAMILY = {"sdxl": ("Stable Diffusion XL",), "sd3": ("Stable Diffusion 3",)}


def with_loras(model: PretrainedModel, texts: Iterable[str]) -> PretrainedModel:
    """The model with what it is to be changed by; nothing is loaded.

    Raises:
        BadRequest: "lora-broken": there is no such file, or it is something else; "lora-unfit": it was made for models
            of another family.
    """
    loras = tuple(read_lora(text) for text in texts)
    for lora in loras:
        _check(lora.path, model)
    card = suit_few_steps(model.card, {}, [lora.path.stem for lora in loras])
    return replace(model, card=card, loras=loras)


def refuse_loras(texts: Iterable[str], title: str) -> None:
    """What is said where a model takes none. Raises BadRequest "lora-unfit"."""
    if list(texts):
        hint = "Leave them out, or choose a diffusion model of your own."
        raise BadRequest("lora-unfit", f"{title} takes no LoRA files.", hint)


def broken_lora(path: Path, what: str) -> BadRequest:
    """The refusal of a file that cannot be added to any model."""
    return BadRequest("lora-broken", f"{path} {what}.", "Name a LoRA's .safetensors file.")


def unfit_lora(path: Path, made_for: str, model: PretrainedModel) -> BadRequest:
    """The refusal of a file that belongs to other models."""
    here = FAMILIES[model.family].label
    hint = f"Choose a LoRA for {here}, or leave it out."
    return BadRequest("lora-unfit", f"{path} is {made_for}, and {model.path.name} is {here}.", hint)


def _check(path: Path, model: PretrainedModel) -> None:
    if not path.is_file():
        raise broken_lora(path, "is no file")
    if path.suffix.lower() != ".safetensors":
        raise broken_lora(path, "is not a .safetensors file; others can run code when they are opened, and are refused")
    try:
        header = read_header(path)
    except (BadRequest, OSError) as problem:
        raise broken_lora(path, f"cannot be read ({problem})") from None
    found = what_else(header) or "no LoRA"
    if found != "a LoRA":
        raise broken_lora(path, f"holds {found}, which cannot be added to a model")
    made_for = _made_for(header)
    own = _OF_FAMILY.get(model.family) or (_BY_TEXTS.get(_text_width(model), ""),)
    if made_for is not None and made_for not in own and _width_of(header) != _text_width(model):
        raise unfit_lora(path, f"a LoRA for {made_for}", model)


def _made_for(header: Header) -> str | None:
    for piece, family in _BY_NAME.items():
        if any(piece in name for name in header.shapes):
            return family
    width = _width_of(header)
    return None if width is None else _BY_TEXTS.get(width, f"models that read texts of width {width}")


def _width_of(header: Header) -> int | None:
    found = (shape[1] for name, shape in header.shapes.items() if len(shape) > 1 and _ATTENDS_TO_TEXT.search(name))
    return next(found, None)


def _text_width(model: PretrainedModel) -> int:
    return int(model.configs[FAMILIES[model.family].denoiser].get("cross_attention_dim", 0))
