"""The one lamp of the priors' pictures, fixed in the world: a field, whose colour does not depend on the viewing
direction, takes its light for paint."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LIGHT = (0.40, 0.26, 0.88)  # towards the light: above, a little in front and to one side
AMBIENT = 0.55  # mean share of light that comes from everywhere


def diffuse(normal: Tensor) -> Tensor:
    """The lamp's light [...], in [0, 1], on surfaces with unit normals [..., 3]; what looks away from it has none."""
    towards = functional.normalize(torch.tensor(LIGHT, device=normal.device), dim=0)
    return 0.5 + 0.5 * normal @ towards


def brightness(normal: Tensor) -> Tensor:
    """Light [...], in [0, 1], on surfaces with unit normals [..., 3], at the mean share of ambient light."""
    return AMBIENT + (1 - AMBIENT) * diffuse(normal)
