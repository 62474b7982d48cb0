"""How much a tile looks like other pictures of the same thing, wherever its details lie: contrast and spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

# A quarter of the tile apart: enough for spectra that do not depend on where a tile is cut (see `band_powers`).
PLACES = 4
# Share of the variance that counts as nothing: a tile has no power at all between its own frequencies.
FAINT = 0.003
# Variance, over three channels, of what eight bits lose.
QUANTISED = 3 / 255**2 / 12


def resized(picture: Tensor, side: int) -> Tensor:
    """A picture [3, H, W] as [3, side, side], each pixel the mean of its area."""
    return functional.interpolate(picture[None], (side, side), mode="area")[0]


def looks(tile: Tensor) -> Tensor:
    """The tile [3, S, S] as it looks when it begins at each of PLACES x PLACES places: [PLACES ** 2, 3, S, S]."""
    side = tile.shape[-1]
    starts = [side * place // PLACES for place in range(PLACES)]
    return torch.stack([tile.roll((-y, -x), (1, 2)) for y in starts for x in starts])


def band_powers(pictures: Tensor) -> list[float]:
    """Variance in octave bands of pictures [B, 3, S, S] in [0, 1], their mean: of frequencies from 1 to 2 cycles per
    picture, from 2 to 4, ..., up to S / 2.

    A Hann window hides that pictures do not go on at their edges. Over `looks` of a tile the mean is the same wherever
    the tile is cut, because the window mixes neighbouring frequencies only, and the products of their phases cancel
    over four places.
    """
    side = pictures.shape[-1]
    line = torch.hann_window(side)
    window = line[:, None] * line
    around = pictures - (pictures * window).sum((2, 3), keepdim=True) / window.sum()
    spectrum = torch.fft.fft2(around * window).abs().square()
    power = spectrum.sum(1).mean(0) / window.square().sum() / side**2
    frequency = torch.fft.fftfreq(side, 1 / side)
    radius = torch.hypot(frequency[:, None], frequency)
    lows = [2**octave for octave in range(math.ceil(math.log2(side / 2)))]
    return [float(power[(radius >= low) & (radius < min(2 * low, side / 2))].sum()) for low in lows]


def spectral_distance(powers: Sequence[float], usual: Sequence[float]) -> float:
    """Mean absolute difference of two pictures' `band_powers`, in dB; what is faint beside all of `usual` counts as
    nothing."""
    nothing = max(FAINT * sum(usual), QUANTISED)
    ratios = [(one + nothing) / (other + nothing) for one, other in zip(powers, usual, strict=True)]
    return sum(abs(10 * math.log10(ratio)) for ratio in ratios) / len(ratios)


def contrast(pictures: Tensor) -> float:
    """Standard deviation of pictures [B, 3, S, S] around their own mean colours, over all channels together."""
    return float((pictures - pictures.mean((2, 3), keepdim=True)).square().mean().sqrt())
