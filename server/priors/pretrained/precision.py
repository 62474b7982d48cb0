"""In which precision each of a model's networks is computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from server.accelerators import has_bfloat16, kind_of
from server.priors.pretrained.families import PretrainedModel


@dataclass(frozen=True)
class Precision:
    """Of the autoencoder, and of all other networks."""

    networks: torch.dtype = torch.float32
    vae: torch.dtype = torch.float32


def precision_for(model: PretrainedModel, device: torch.device, low_vram: bool = False) -> Precision:
    """Full precision on a processor, half on an accelerator.

    Stable Diffusion 1, 2 and XL were made for float16, which is eight times as fine as bfloat16; at the low noise of a
    run's end that shows in the gradient. Stable Diffusion 3 was made for bfloat16, and its numbers may leave float16's
    range. Autoencoders are computed in full precision, unless they say that they bear less or memory is short: then
    those of Stable Diffusion 1 and 2 in float16, and those of XL and 3, which overflow there, in bfloat16.
    """
    if kind_of(device) == "cpu":
        return Precision()
    wide = torch.bfloat16 if has_bfloat16(device) else None
    half = (wide if model.family == "sd3" else None) or torch.float16
    if not model.configs["vae"].get("force_upcast", True):
        return Precision(half, half)
    short = torch.float16 if model.family == "sd" else wide
    return Precision(half, (short if low_vram else None) or torch.float32)
