"""One estimator at given points, beside the closed forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch

from server.errors import BadRequest
from server.guidance.estimate import Estimator
from server.guidance.mean_shift import Paper
from server.guidance.noise import Fresh
from server.lab.densities import density
from server.lab.limits import FARTHEST, WIDEST
from server.lab.methods import ESTIMATORS


def lab_field(
    density_name: str,
    estimator_name: str,
    bandwidth: float,
    points: list[tuple[float, float]],
    seed: int = 0,
    interval: tuple[float, float] | None = None,
    paper: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Densities and mean shifts at `points`.

    Args:
        interval: where the kernel of the paper's estimators acts, in bandwidths.
        paper: other fields of server.guidance.mean_shift.Paper, of the same estimators.

    Returns:
        rows, one for each point: at, log_density (log p), log_density_smoothed (log p_lambda), denoised (D(x, lambda)),
        mean_shift (of the estimator, one draw), mean_shift_exact (lambda^2 grad log p_lambda, closed form) and
        denoiser_calls.

    Raises:
        BadRequest: unknown density or estimator, bandwidth that is not positive, points that are not finite,
            empty interval, or fields of `paper` for another estimator.
    """
    mixture = density(density_name)
    if estimator_name not in ESTIMATORS:
        raise BadRequest(
            "estimator-unknown",
            f"There is no estimator {estimator_name!r}.",
            f"Choose one of: {', '.join(ESTIMATORS)}.",
        )
    check_bandwidth(bandwidth)
    if not all(abs(value) <= FARTHEST for point in points for value in point):
        raise BadRequest("point-invalid", f"Points must have finite coordinates, at most {FARTHEST:g} in size.")
    x = torch.tensor(points, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    estimator = ESTIMATORS[estimator_name]
    if interval is not None:
        estimator = _limited(estimator_name, estimator, interval)
    if paper:
        if not isinstance(estimator, Paper):
            named = " and ".join(paper)
            raise BadRequest("estimator-unknown", f"The estimator {estimator_name!r} has no {named}; the paper's have.")
        estimator = replace(estimator, **paper)
    estimate = estimator(mixture, x, bandwidth, Fresh(generator))
    rows = [
        {
            "density": density_name,
            "estimator": estimator_name,
            "bandwidth": bandwidth,
            "at": x[i].tolist(),
            "log_density": float(mixture.log_density(x[i : i + 1])),
            "log_density_smoothed": float(mixture.log_density(x[i : i + 1], bandwidth)),
            "denoised": mixture.denoise(x[i : i + 1], bandwidth)[0].tolist(),
            "mean_shift": (estimate.target[i] - x[i]).tolist(),
            "mean_shift_exact": (bandwidth**2 * mixture.score(x[i : i + 1], bandwidth)[0]).tolist(),
            "denoiser_calls": estimate.denoiser_calls,
        }
        for i in range(len(x))
    ]
    return {"rows": rows}


def _limited(name: str, estimator: Estimator, interval: tuple[float, float]) -> Estimator:
    if not isinstance(estimator, Paper):
        raise BadRequest("interval-invalid", f"The estimator {name!r} has no kernel interval; the paper's have.")
    low, high = interval
    if not (math.isfinite(high) and 0 <= low < high):
        raise BadRequest(
            "interval-invalid", f"The interval from {low:g} to {high:g} bandwidths is empty or not finite."
        )
    return replace(estimator, interval=interval)


def check_bandwidth(bandwidth: float) -> None:
    """Raises BadRequest, code "bandwidth-invalid", unless it is positive and its square is representable."""
    if not 1 / WIDEST <= bandwidth <= WIDEST:
        raise BadRequest(
            "bandwidth-invalid",
            f"The bandwidth must be positive and finite, not {bandwidth:g}.",
            f"Densities here are about 1 wide; anything from {1 / WIDEST:g} to {WIDEST:g} is accepted.",
        )
