"""Densities of periodic signals that leave open what a surface's do: where the pattern begins, and how its grain falls.

A signal is a torus of CELLS numbers, and a window is the whole of it, rolled. Every density is a Gaussian mixture, so
its denoiser, likelihood and smoothing are closed forms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from server.priors.mixture import GaussianMixture

CELLS = 32
SHIFTS = 32  # phases of a ring; a multiple of CELLS, so that a roll by a cell maps the ring onto itself
STD = 0.05  # tau, of each component


@dataclass(frozen=True)
class Band:
    """A range of whole frequencies (cycles in a signal) and the root mean square that a texture has there."""

    low: int
    high: int
    rms: float

    @property
    def directions(self) -> int:
        """Cosines and sines."""
        return 2 * (self.high - self.low + 1)

    @property
    def radius(self) -> float:
        """Euclidean length of a signal of this root mean square."""
        return self.rms * math.sqrt(CELLS)

    @property
    def std(self) -> float:
        """Standard deviation of a Gaussian band along each of its directions."""
        return self.radius / math.sqrt(self.directions)

    def power(self, x: Tensor) -> Tensor:
        """Power of x [B, CELLS] in this band over the texture's own, [B]."""
        spectrum = torch.fft.rfft(x, norm="forward")[:, self.low : self.high + 1]
        return 2 * spectrum.abs().square().sum(1) / self.rms**2


@dataclass(frozen=True)
class Texture:
    """What is known of a signal, and what is open.

    Attributes:
        coarse: a ring: one wave of this length, of which only the phase is open.
        fine: another ring, or a Gaussian band, in which strength is open, too.
        grain: whether `fine` is a Gaussian band.
        leaning: how much the phases differ in weight, exp(leaning cos phase); inf knows the phase.
    """

    name: str
    coarse: Band | None = None
    fine: Band | None = None
    grain: bool = False
    leaning: float = 0.0

    @property
    def rms(self) -> float:
        """Of a whole signal."""
        return math.hypot(*(band.rms for band in (self.coarse, self.fine) if band))

    @property
    def wave(self) -> Band:
        """The one wave whose phase is open."""
        band = self.fine if self.coarse is None else self.coarse
        assert band is not None
        return band

    @cached_property
    def mixture(self) -> GaussianMixture:
        phase = torch.arange(1 if math.isinf(self.leaning) else SHIFTS, dtype=torch.float64) * (2 * math.pi / SHIFTS)
        weights = torch.ones_like(phase) if math.isinf(self.leaning) else (self.leaning * phase.cos()).softmax(0)
        cells = torch.arange(CELLS, dtype=torch.float64)
        means = math.sqrt(2) * self.wave.rms * torch.cos(cells * (2 * math.pi * self.wave.low / CELLS) - phase[:, None])
        covariance = STD**2 * torch.eye(CELLS, dtype=torch.float64)
        if self.grain and self.fine:
            covariance = covariance + self.fine.std**2 * _projection(self.fine)
        return GaussianMixture(weights, means, covariance.expand(len(phase), -1, -1))


def _projection(band: Band) -> Tensor:
    """Onto the cosines and sines of a band, [CELLS, CELLS]."""
    cells = torch.arange(CELLS, dtype=torch.float64)
    frequencies = torch.arange(band.low, band.high + 1, dtype=torch.float64)
    angle = (cells[:, None] - cells) * (2 * math.pi / CELLS)
    return 2 / CELLS * torch.cos(frequencies[:, None, None] * angle).sum(0)


TEXTURES = (
    Texture("stripes", coarse=Band(2, 2, 1.0)),
    Texture("pinstripes", fine=Band(8, 8, 0.1)),
    Texture("planks", coarse=Band(2, 2, 1.0), fine=Band(5, 9, 0.2), grain=True),
    Texture("leaning", fine=Band(8, 8, 0.1), leaning=1.0),
    Texture("placed", coarse=Band(2, 2, 1.0), leaning=math.inf),
)
