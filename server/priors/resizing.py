"""Pictures in the size that a prior believes in."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def to_side(image: Tensor, side: int) -> Tensor:
    """Images [B, 3, S, S] as [B, 3, side, side], differentiably; themselves when S is `side`."""
    if image.shape[-1] == side:
        return image
    return functional.interpolate(image, (side, side), mode="bilinear", antialias=True)
