"""In which precision each of a model's networks is computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from server.accelerators import has_bfloat16, kind_of
from server.priors.pretrained.families import PretrainedModel
from server.priors.pretrained.widths import precision_names


@dataclass(frozen=True)
class Precision:
    """Of the autoencoder, and of all other networks."""

    networks: torch.dtype = torch.float32
    vae: torch.dtype = torch.float32


def precision_for(model: PretrainedModel, device: torch.device, low_vram: bool = False) -> Precision:
    """Full precision on a processor, half on an accelerator; why, widths.py says."""
    on_processor = kind_of(device) == "cpu"
    wide = not on_processor and has_bfloat16(device)
    networks, vae = precision_names(model, on_processor, wide, low_vram)
    return Precision(getattr(torch, networks), getattr(torch, vae))
