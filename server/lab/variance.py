"""How noisy the estimators are, over bandwidths (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from server.guidance.estimate import Estimate
from server.guidance.noise import Fresh
from server.lab.densities import density
from server.lab.methods import ESTIMATORS

BANDWIDTHS = (0.05, 0.1, 0.2, 0.4, 0.8)
METHODS = ("sds", "sds-log-normal", "noised", "exact", "paper-random", "paper", "tweedie")
# Where targets are drawn for the figure: on a branch, between branches, outside.
EXAMPLES = ((0.5, 0.5), (0.0, 0.5), (1.1, 0.1))


def draws_at(density_name: str, method: str, bandwidth: float, draws: int, seed: int) -> Tensor:
    """Independent targets of one estimator at EXAMPLES, [examples, draws, 2]."""
    mixture = density(density_name)
    x = torch.tensor(EXAMPLES, dtype=torch.float64).repeat_interleave(draws, 0)
    estimate = ESTIMATORS[method](mixture, x, bandwidth, Fresh(torch.Generator().manual_seed(seed)))
    return estimate.target.reshape(len(EXAMPLES), draws, 2)


def variance_row(method: str, bandwidth: float, shifts: Tensor, estimate: Estimate) -> dict[str, Any]:
    """The noise-to-signal ratio of shifts [draws, points, D], and what one estimate of them cost and saw."""
    spread = shifts.var(0).sum(-1).mean()
    signal = (shifts.mean(0) ** 2).sum(-1).mean()
    return {
        "method": method,
        "bandwidth": bandwidth,
        "noise_to_signal": float((spread / signal).sqrt()),
        "calls": estimate.denoiser_calls,
        "shell_ratio": None if estimate.shell_ratio is None else float(estimate.shell_ratio),
    }


def variance(
    density_name: str,
    bandwidths: Sequence[float] = BANDWIDTHS,
    draws: int = 128,
    points: int = 32,
    seed: int = 0,
    on_row: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Noise-to-signal ratio sqrt(E||g - E g||^2) / ||E g||, root mean square over points noised from the data.

    Returns:
        rows of density, method, bandwidth, noise_to_signal, calls, shell_ratio.
    """
    mixture = density(density_name)
    rows = []
    for method in METHODS:
        for bandwidth in bandwidths:
            generator = torch.Generator().manual_seed(seed)
            clean = mixture.sample(points, generator)
            x = clean + bandwidth * torch.randn(clean.shape, generator=generator, dtype=clean.dtype)
            repeated = x.repeat_interleave(draws, 0)
            estimate = ESTIMATORS[method](mixture, repeated, bandwidth, Fresh(generator))
            shifts = (estimate.target - repeated).reshape(points, draws, 2).transpose(0, 1)
            rows.append({"density": density_name, **variance_row(method, bandwidth, shifts, estimate)})
            on_row()
    return {"rows": rows}
