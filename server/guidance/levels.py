"""Noise levels that samplers and inversions visit. Free of torch, so that a run's cost is known before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from server.guidance.schedules import TIMESTEPS, karras_grid, sigma_at, timestep_at

# Below this level a network's noise estimate for a clean image is mostly its own error, and inversion amplifies it.
LOWEST_INVERSION_SIGMA = 0.05
# Of a kernel's interval, in bandwidths: a chain that starts from it ends here at the latest.
LEAST_LOW = 0.02


def interval_levels(bandwidth: float, steps: int, interval: tuple[float, float]) -> list[float]:
    """`steps` falling levels over a kernel's interval, which is in bandwidths; without the final 0."""
    low, high = interval
    return karras_grid(min(max(low, LEAST_LOW), high) * bandwidth, high * bandwidth, steps)


def rising_levels(levels: Sequence[float]) -> list[float]:
    """Those of falling `levels` that an inversion visits, from below: the lowest ones are left out."""
    return [level for level in reversed(levels) if level >= min(LOWEST_INVERSION_SIGMA, levels[0] / 2)]


def timesteps_below(bandwidth: float, steps: int) -> list[float]:
    """Levels of timesteps 0, 1, 1 + s, 1 + 2 s, ... with s = 1000 / steps, as far as they lie below the bandwidth;
    never empty."""
    spacing = TIMESTEPS // steps
    times = [0, *range(1, TIMESTEPS, spacing)]
    below = [sigma_at(time) for time in times if time < int(timestep_at(bandwidth))]
    return below or [min(sigma_at(0), 0.5 * bandwidth)]
