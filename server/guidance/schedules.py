"""Scalars that change over an optimisation, and grids of noise levels, as values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_CURVES: dict[str, Callable[[float, float, float], float]] = {
    "constant": lambda start, end, p: start,
    "linear": lambda start, end, p: start + (end - start) * p,
    "cosine": lambda start, end, p: end + (start - end) * (1 + math.cos(math.pi * p)) / 2,
    "geometric": lambda start, end, p: start ** (1 - p) * end**p,
}


@dataclass(frozen=True)
class Schedule:
    """A scalar as a function of progress in [0, 1]: `start` at 0, `end` at 1 ("constant" stays at `start`).

    "cosine" is half a cosine wave, flat at both ends; "geometric" is linear in the logarithm and needs positive ends.

    Raises:
        ValueError: unknown name, non-finite ends, or non-positive ends of a geometric schedule.
    """

    name: str
    start: float
    end: float

    def __post_init__(self) -> None:
        if self.name not in _CURVES:
            raise ValueError(f"unknown schedule {self.name!r}; there are {', '.join(_CURVES)}")
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError("a schedule needs finite ends")
        if self.name == "geometric" and min(self.start, self.end) <= 0:
            raise ValueError("a geometric schedule needs positive ends")

    def __call__(self, progress: float) -> float:
        return _CURVES[self.name](self.start, self.end, min(max(progress, 0.0), 1.0))


def karras_grid(sigma_min: float, sigma_max: float, steps: int, rho: float = 7.0) -> list[float]:
    """`steps` noise levels from sigma_max down to sigma_min (Karras et al. 2022, Eq. 5), without a final zero."""
    if not 0 < sigma_min <= sigma_max or steps < 1:
        raise ValueError(f"empty noise grid: {steps} levels from {sigma_max} to {sigma_min}")
    if steps == 1:
        return [sigma_max]
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    inner = [(high + i / (steps - 1) * (low - high)) ** rho for i in range(1, steps - 1)]
    return [sigma_max, *inner, sigma_min]


def log_grid(sigma_min: float, sigma_max: float, steps: int) -> list[float]:
    """`steps` noise levels from sigma_max down to sigma_min, evenly spaced in ln(sigma), without a final zero."""
    if not 0 < sigma_min <= sigma_max or steps < 1:
        raise ValueError(f"empty noise grid: {steps} levels from {sigma_max} to {sigma_min}")
    if steps == 1:
        return [sigma_max]
    ratio = sigma_min / sigma_max
    return [sigma_max * ratio ** (i / (steps - 1)) for i in range(steps - 1)] + [sigma_min]
