"""What theory says of the flat signal: its stability, and how fast a run leaves it. README.md of `server/guidance`
derives the formulas.

A ring is a wave of Euclidean length R in the plane of its cosine and sine, its phase uniform and its components tau
wide. In that plane, with v = tau^2 + lambda^2, its denoiser is radial, of length

    d(rho) = (tau^2 rho + lambda^2 R I1(R rho / v) / I0(R rho / v)) / v
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e

# E over two standard normals, by products of Gauss-Hermite nodes.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_ALONG, _ACROSS = np.meshgrid(_NODES, _NODES, indexing="ij")
_SHARE = np.outer(_WEIGHTS, _WEIGHTS) / (2 * math.pi)

Array = NDArray[np.float64]


def critical_bandwidth(radius: float, std: float) -> float:
    """The bandwidth below which flat is a saddle, and above a maximum; 0 where it is always one."""
    return math.sqrt(max(radius**2 / 2 - std**2, 0.0))


def _answers(radius: float, std: float, bandwidth: float, length: float) -> tuple[Array, Array]:
    """|D| at the nodes z = x + lambda n, for a wave x of Euclidean length `length`, and its cosine with x."""
    variance = std**2 + bandwidth**2
    along = length + bandwidth * _ALONG
    rho = np.hypot(along, bandwidth * _ACROSS)
    bent = i1e(radius * rho / variance) / i0e(radius * rho / variance)
    answer = (std**2 * rho + bandwidth**2 * radius * bent) / variance
    return answer, along / np.maximum(rho, 1e-300)


def noised_gain(radius: float, std: float, bandwidth: float) -> float:
    """How E_n[D(x + lambda n)] answers to a small wave in x, as a multiple of it; below 1 flat is stable."""
    answer, _ = _answers(radius, std, bandwidth, 0.0)
    # The mean of a derivative is the mean of the product with the noise (Stein).
    return float((_SHARE * answer * np.hypot(_ALONG, _ACROSS)).sum()) / (2 * bandwidth)


def ring_power(radius: float, std: float, bandwidths: Iterable[float], rate: float, start: float) -> float:
    """Mean power of the wave, in units of the ring's, after steps x += rate (D(x + lambda n, lambda) - x) with fresh n.

    The mean square S of the wave's length obeys

        S' = (1 - rate)^2 S + 2 rate (1 - rate) E[x . D] + rate^2 E|D|^2

    where the means are taken at length sqrt(S): exact while the wave is small, and again where all have one length.

    Args:
        start: standard deviation of x a cell at the start.
    """
    square = 2 * start**2
    for bandwidth in bandwidths:
        length = math.sqrt(square)
        answer, cosine = _answers(radius, std, bandwidth, length)
        agreement = length * float((_SHARE * answer * cosine).sum())
        drawn = float((_SHARE * answer**2).sum())
        square = (1 - rate) ** 2 * square + 2 * rate * (1 - rate) * agreement + rate**2 * drawn
    return square / radius**2


def grain_power(std: float, bandwidths: Iterable[float], rate: float, attached: bool) -> float:
    """Mean power of a Gaussian direction of standard deviation `std`, in units of its own, after a run from 0.

    With W = std^2 / (std^2 + lambda^2), a step is x' = (1 - rate (1 - W)) x + rate W lambda n.
    """
    drift, variance = 0.0, 0.0
    for bandwidth in bandwidths:
        wiener = std**2 / (std**2 + bandwidth**2)
        kept = 1 - rate * (1 - wiener)
        drift = kept * drift + rate * wiener * bandwidth
        variance = kept**2 * variance + (rate * wiener * bandwidth) ** 2
    return (drift**2 if attached else variance) / std**2
