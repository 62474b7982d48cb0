"""Detail that a picture's grids are too coarse for, taken from the image that it began as and given its new colours.

Around every place the new colours are read as a linear function of the old ones, as a guided filter reads them (He et
al. 2010). Where a pattern was recoloured, that function recolours what is finer, too; where another pattern has taken
its place, it is next to nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from server.generators.picture import padded

# Pixels around a place that tell how its colours were changed.
RADIUS = 3
# Of colours in [0, 1]: where they vary by less, the variance tells nothing.
LEAST_VARIANCE = 4e-4
# Colours that differ by this are others.
OTHER = 0.12


def recolouring(before: Tensor, after: Tensor, kept: float, periodic: tuple[bool, bool]) -> Tensor:
    """By which matrix [3, 3, H, W] old colours became new ones around every place.

    Args:
        before, after: [3, H, W] in [0, 1].
        kept: share of light and dark that stays where old colours are even, and new ones others.
    """

    def mean(values: Tensor) -> Tensor:
        """Around every place, of [C, H, W]."""
        return functional.avg_pool2d(padded(values, RADIUS, periodic)[None], 2 * RADIUS + 1, 1)[0]

    def covariance(one: Tensor, other: Tensor) -> Tensor:
        products = mean((one[:, None] * other[None]).flatten(0, 1)).view(3, 3, *one.shape[1:])
        return products - mean(one)[:, None] * mean(other)[None]

    same = torch.exp(-((after - before).square().sum(0) / OTHER**2))
    grey = torch.full((3, 3, 1, 1), 1 / 3, device=before.device)
    likely = same * torch.eye(3, device=before.device)[..., None, None] + (1 - same) * kept * grey
    own = covariance(before, before) + LEAST_VARIANCE * torch.eye(3, device=before.device)[..., None, None]
    both = covariance(after, before) + LEAST_VARIANCE * likely
    # X own = both, place by place.
    solved = torch.linalg.solve(own.permute(2, 3, 0, 1), both.permute(2, 3, 0, 1), left=False)
    return solved.permute(2, 3, 0, 1)


def recoloured(grain: Tensor, matrix: Tensor) -> Tensor:
    """The detail [3, H, W] by the matrix [3, 3, h, w] of its place."""
    size = (grain.shape[1], grain.shape[2])
    rows = [functional.interpolate(row[None], size, mode="bilinear", align_corners=False)[0] for row in matrix]
    return torch.stack([(row * grain).sum(0) for row in rows])
