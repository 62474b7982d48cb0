"""How visible the edges of a tile are, by the definition: the oracle for what the product computes faster."""

from __future__ import annotations

import torch
from torch import Tensor


def seam_ratio(image: Tensor) -> float:
    """Mean absolute step across the edges of a tile over the mean step inside it; 1 is an invisible seam.

    Args:
        image: [C, H, W]. One that is the same everywhere has no seam.
    """
    across = torch.cat([(image[:, 0] - image[:, -1]).flatten(), (image[:, :, 0] - image[:, :, -1]).flatten()])
    inside = torch.cat([image.diff(dim=1).flatten(), image.diff(dim=2).flatten()])
    if not across.any() and not inside.any():
        return 1.0
    return float(across.abs().mean() / inside.abs().mean().clamp(min=1e-8))
