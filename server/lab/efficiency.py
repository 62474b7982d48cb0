"""Efficiency of a gradient estimator (Eq. 17)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from server.guidance.estimate import Estimator
from server.guidance.noise import Fresh
from server.priors.denoiser import Denoiser

# Efficiencies beyond this are the inverse of rounding noise, not of a variance.
CAP = 50.0


@dataclass(frozen=True)
class Efficiency:
    """Averages over the points x.

    Attributes:
        value: ln mean_x [ ||E g||^2 / (E ||g - E g||^2 cost) ], Eq. 17 in nats, at most CAP. It rewards an estimator
            whose noise is small, however wrong its mean is.
        with_bias: ln mean_x [ ||m||^2 / (E ||g - m||^2 cost) ], the same against the true mean shift m.
        relative_bias: mean_x ||E g - m|| / mean_x ||m||.
        calls: network calls per estimate, the cost.
    """

    value: float
    with_bias: float
    relative_bias: float
    calls: int


def measure(
    estimator: Estimator,
    denoiser: Denoiser,
    x: Tensor,
    true_shift: Tensor,
    bandwidth: float,
    repeats: int,
    generator: torch.Generator,
    scale_free: bool = False,
) -> Efficiency:
    """Estimate from `repeats` >= 2 independent draws at each point.

    Args:
        x: [P, d]; true_shift: [P, d], the exact m at x.
        scale_free: compare the best constant multiple of g with m; for gradients that are not in units of m.
    """
    repeated = x.repeat(repeats, *[1] * (x.dim() - 1))
    estimate = estimator(denoiser, repeated, bandwidth, Fresh(generator))
    shifts = (estimate.target - repeated).reshape(repeats, *x.shape)
    return _summary(shifts, true_shift, estimate.denoiser_calls, scale_free)


def _summary(shifts: Tensor, true_shift: Tensor, calls: int, scale_free: bool) -> Efficiency:
    mean = shifts.mean(0)
    if scale_free:
        factor = (mean * true_shift).sum() / (mean**2).sum()
        shifts, mean = shifts * factor, mean * factor
    variance = ((shifts - mean) ** 2).sum(-1).sum(0) / (len(shifts) - 1)
    # The square of a mean of R draws carries the variance over R.
    squared = ((mean**2).sum(-1) - variance / len(shifts)).clamp(min=0)
    error = ((shifts - true_shift) ** 2).sum(-1).mean(0)
    bias = (mean - true_shift).norm(dim=-1).mean() / true_shift.norm(dim=-1).mean()
    return Efficiency(
        _log_mean_ratio(squared, variance * calls),
        _log_mean_ratio((true_shift**2).sum(-1), error * calls),
        float(bias),
        calls,
    )


def _log_mean_ratio(numerator: Tensor, denominator: Tensor) -> float:
    """ln of the mean ratio, each ratio at most e^CAP."""
    ratio = numerator / denominator.clamp(min=torch.finfo(numerator.dtype).tiny)
    mean = float(ratio.clamp(max=math.exp(CAP)).mean())
    return math.log(mean) if mean > 0 else -math.inf
