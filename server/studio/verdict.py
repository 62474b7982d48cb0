"""What a texture that came out shows: a pattern, or nothing but one colour or noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Fault = Literal["flat", "noise"]

# Both lie between what was measured, in windows of 64 pixels, on samples of the embedded and of the exact prior (1096,
# of all patterns in pairs of unlike colours), and on what is no pattern.
# Samples: from .0085 (white bricks on grey; all others from .022). Tiles of one colour: up to .003.
LEAST_CONTRAST = 0.005
# Samples: from .104 (grass). White noise in pixels or in the embedded prior's latents: up to .036.
LEAST_ORDER = 0.06
# Pixels. At one pixel the latents' noise is as smooth as a fine pattern; beyond eight, grass is as random as noise.
NEAR, FAR = 2, 8
# Of a pattern's variance, what may become another.
MOST_CHANGED = 0.5
# Pixels along a window, at least, that `judge` can do with.
LEAST_SIDE = 4 * FAR


@dataclass(frozen=True)
class Verdict:
    """What is seen in a tile at the scale of its prior's pixels.

    Attributes:
        contrast: standard deviation of colours in [0, 1] around their mean, after a blur that hides grain.
        order: root mean square of the correlations of pixels NEAR to FAR apart in any direction, in [0, 1].
    """

    contrast: float
    order: float

    @property
    def fault(self) -> Fault | None:
        if self.contrast < LEAST_CONTRAST:
            return "flat"
        return "noise" if self.order < LEAST_ORDER else None

    @property
    def worth(self) -> float:
        """How near a tile with a fault comes to having none, below 1; without a fault at least 1."""
        return self.contrast / LEAST_CONTRAST if self.fault == "flat" else self.order / LEAST_ORDER


def judge(tile: Tensor) -> Verdict:
    """Look at a tile [3, H, W] in [0, 1], painted with as many pixels along a window as the prior has."""
    around = tile - tile.mean((1, 2), keepdim=True)
    return Verdict(float(_blurred(around).square().mean().sqrt()), _order(around))


def _order(around: Tensor) -> float:
    height, width = around.shape[1:]
    padded = (height + FAR, width + FAR)  # so that no pixel meets one from across the edge
    products = torch.fft.irfft2(torch.fft.rfft2(around, padded).abs().square().sum(0), padded)
    reach = torch.arange(-FAR, FAR + 1, device=around.device)
    pairs = (height - reach.abs())[:, None] * (width - reach.abs())
    covariance = products[reach][:, reach] / pairs
    apart = torch.maximum(reach.abs()[:, None], reach.abs())
    correlation = covariance / covariance[FAR, FAR].clamp(min=1e-12)
    return float(correlation[apart >= NEAR].square().mean().sqrt())


def _blurred(picture: Tensor) -> Tensor:
    """Each pixel as a weighted mean of 5 x 5, which leaves a quarter of white noise."""
    line = picture.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = functional.pad(picture[:, None], (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(padded, (line[:, None] * line)[None, None])[:, 0]


def keeps_layout(before: Tensor, after: Tensor) -> bool:
    """Whether a picture [3, H, W] still shows, in its place and in its colours, most of what it showed before."""
    contrast = (before - before.mean((1, 2), keepdim=True)).square().mean()
    return bool((after - before).square().mean() < MOST_CHANGED * contrast)
