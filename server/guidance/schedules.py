"""Scalars that change over an optimisation, and grids of noise levels, as values."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

# Betas linear in their square roots: the schedule of Stable Diffusion (Rombach et al. 2022).
TIMESTEPS, FIRST_BETA, LAST_BETA = 1000, 0.00085, 0.012


@lru_cache(maxsize=1)
def _log_sigmas() -> list[float]:
    found, kept = [], 1.0
    for step in range(TIMESTEPS):
        share = step / (TIMESTEPS - 1)
        kept *= 1 - (FIRST_BETA**0.5 * (1 - share) + LAST_BETA**0.5 * share) ** 2
        found.append(math.log((1 - kept) / kept) / 2)
    return found


def sigma_at(timestep: float) -> float:
    """Noise level at a timestep of Stable Diffusion, 0.03 at 0 and 14.6 at 999; between two of them, and beyond the
    ends, ln(sigma) is linear in the timestep."""
    table = _log_sigmas()
    below = min(max(math.floor(timestep), 0), TIMESTEPS - 2)
    return math.exp(table[below] + (timestep - below) * (table[below + 1] - table[below]))


def timestep_at(sigma: float) -> float:
    """The timestep of Stable Diffusion with this noise level, > 0; the inverse of `sigma_at`."""
    table, wanted = _log_sigmas(), math.log(sigma)
    below = min(max(bisect_right(table, wanted) - 1, 0), TIMESTEPS - 2)
    return below + (wanted - table[below]) / (table[below + 1] - table[below])


def _timestep(start: float, end: float, p: float) -> float:
    # Exactly at the ends, whatever rounding does between.
    if p in (0.0, 1.0):
        return end if p else start
    return sigma_at(timestep_at(start) * (1 - p) + timestep_at(end) * p)


_CURVES: dict[str, Callable[[float, float, float], float]] = {
    "constant": lambda start, end, p: start,
    "linear": lambda start, end, p: start + (end - start) * p,
    "cosine": lambda start, end, p: end + (start - end) * (1 + math.cos(math.pi * p)) / 2,
    "geometric": lambda start, end, p: start ** (1 - p) * end**p,
    "timestep": _timestep,
}


@dataclass(frozen=True)
class Schedule:
    """A scalar as a function of progress in [0, 1]: `start` at 0, `end` at 1 ("constant" stays at `start`).

    "cosine" is half a cosine wave, flat at both ends; "geometric" is linear in the logarithm, and "timestep" in the
    timestep of Stable Diffusion that has as much noise; both need positive ends.

    Raises:
        ValueError: unknown name, non-finite ends, or ends of "geometric" or "timestep" that are not positive.
    """

    name: str
    start: float
    end: float

    def __post_init__(self) -> None:
        if self.name not in _CURVES:
            raise ValueError(f"unknown schedule {self.name!r}; there are {', '.join(_CURVES)}")
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError("a schedule needs finite ends")
        if self.name in ("geometric", "timestep") and min(self.start, self.end) <= 0:
            raise ValueError(f"a {self.name} schedule needs positive ends")

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
