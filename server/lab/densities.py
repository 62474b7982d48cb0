"""The toy densities of the paper's experiments, as Gaussian mixtures in the plane, float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from server.errors import BadRequest
from server.priors.mixture import GaussianMixture

# Where the axes of the plane are cut in figures, and where optimisation starts: (low, high), the same for both axes.
START_BOX: dict[str, tuple[float, float]] = {
    "fractal": (-0.6, 1.5),
    "fractal_b": (-1.5, 0.6),
    "fractal_ab": (-1.5, 1.5),
    "spiral": (-1.2, 1.2),
    "spiral_outer": (-1.2, 1.2),
    "pinwheel": (-1.2, 1.2),
    "pinwheel_arm": (-1.2, 1.2),
    "circles": (-1.3, 1.3),
    "circles_outer": (-1.3, 1.3),
}

# What guidance towards a class is shown on: one class of each density, and the density without a class.
CLASS_OF: dict[str, tuple[str, str]] = {
    "fractal": ("fractal", "fractal_ab"),
    "spiral": ("spiral_outer", "spiral"),
    "pinwheel": ("pinwheel_arm", "pinwheel"),
    "circles": ("circles_outer", "circles"),
}


def _branches(
    random: np.random.RandomState, position: NDArray[np.float64], angle: float, depth: int
) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
    """Components (weight, mean, covariance) of one branch of the fractal and of all that grows from it."""
    if depth == 7:
        return []
    origin_scale = np.array([1.3136, 1.3844])
    length = 0.292 * 0.8**depth * (1 + 0.2 * random.randn())
    thickness = 0.2 * 0.8**depth / length
    size = origin_scale * length * 0.06
    along = np.array([math.cos(angle), math.sin(angle)])
    shape = np.outer(along, along) + thickness**2 * (np.eye(2) - np.outer(along, along))
    components = [
        (length * 0.5**depth, (position + along * length * t) * origin_scale, shape * np.outer(size, size))
        for t in np.linspace(0.07, 0.93, 8)
    ]
    tip = position + along * length
    for sign in (1, -1):
        turned = angle + sign * 0.7**depth * (1 + 0.2 * random.randn())
        components += _branches(random, tip, turned, depth + 1)
    return components


def _fractal_classes() -> tuple[GaussianMixture, GaussianMixture]:
    """Two trees grown from one seed (Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself"),
    with 1016 components each: class A towards the upper right, class B towards the lower left."""
    random = np.random.RandomState(2)
    origin = np.array([0.0030, 0.0325])
    first = _mixture(_branches(random, origin, math.pi / 4, 0))
    second = _mixture(_branches(random, origin, 5 * math.pi / 4, 0))
    return first, second


def _mixture(components: list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]) -> GaussianMixture:
    weights, means, covariances = (np.array(column) for column in zip(*components, strict=True))
    return GaussianMixture(*(torch.from_numpy(a) for a in (weights / weights.sum(), means, covariances)))


def _spiral() -> GaussianMixture:
    """r = a theta for one and a half turns up to radius 1, as 96 components at equal arc lengths."""
    count, turns, normal_std = 96, 1.5, 0.014
    fine = np.linspace(0, 2 * math.pi * turns, 200_001)
    a = 1 / fine[-1]
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(a * fine * np.cos(fine)), np.diff(a * fine * np.sin(fine))))])
    spacing = arc[-1] / count
    theta = np.interp((np.arange(count) + 0.5) * spacing, arc, fine)
    along = np.stack([np.cos(theta) - theta * np.sin(theta), np.sin(theta) + theta * np.cos(theta)], 1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    means = a * theta[:, None] * np.stack([np.cos(theta), np.sin(theta)], 1)
    covariances = (0.6 * spacing) ** 2 * _outer(along) + normal_std**2 * _outer(across)
    weights = np.full(count, 1 / count)
    return GaussianMixture(*(torch.from_numpy(v) for v in (weights, means, covariances)))


def _pinwheel() -> GaussianMixture:
    """Five curved arms: (u, v) normal around (1, 0), turned by 0.25 e^u, along a grid of 24 values of u in each arm."""
    radial, tangential, rate, scale = 0.3, 0.1, 0.25, 2.5
    u = np.linspace(1 - 2.6 * radial, 1 + 2.6 * radial, 24)
    h = u[1] - u[0]
    weights = np.exp(-0.5 * ((u - 1) / radial) ** 2)
    means, covariances = [], []
    for arm in range(5):
        theta = 2 * math.pi * arm / 5 + rate * np.exp(u)
        outward = np.stack([np.cos(theta), np.sin(theta)], 1)
        across = np.stack([-np.sin(theta), np.cos(theta)], 1)
        slope = outward + (u * rate * np.exp(u))[:, None] * across
        means.append(u[:, None] * outward / scale)
        covariances.append((0.49 * h**2 * _outer(slope) + tangential**2 * _outer(across)) / scale**2)
    tiled = np.tile(weights / weights.sum() / 5, 5)
    return GaussianMixture(*(torch.from_numpy(v) for v in (tiled, np.concatenate(means), np.concatenate(covariances))))


def _circles() -> GaussianMixture:
    """Two concentric circles of radius 0.5 and 1, half of the mass on each, 0.03 wide: 64 and 128 components. After the
    toy of Ramanan and Rajagopalan 2026 (arXiv 2605.09071), whose measures we do not know."""
    normal_std = 0.03
    weights, means, covariances = [], [], []
    for radius, count in ((0.5, 64), (1.0, 128)):
        theta = 2 * math.pi * np.arange(count) / count
        outward = np.stack([np.cos(theta), np.sin(theta)], 1)
        across = np.stack([-np.sin(theta), np.cos(theta)], 1)
        spacing = 2 * math.pi * radius / count
        weights.append(np.full(count, 0.5 / count))
        means.append(radius * outward)
        covariances.append((0.6 * spacing) ** 2 * _outer(across) + normal_std**2 * _outer(outward))
    return GaussianMixture(*(torch.from_numpy(np.concatenate(v)) for v in (weights, means, covariances)))


def _part(mixture: GaussianMixture, share: slice) -> GaussianMixture:
    """Some of its components alone."""
    weights = mixture.weights[share]
    return GaussianMixture(weights / weights.sum(), mixture.means[share], mixture.covariances[share])


def _outer(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows[:, :, None] * rows[:, None, :]


_DENSITIES: dict[str, Callable[[], GaussianMixture]] = {
    "fractal": lambda: _fractal_classes()[0],
    "fractal_b": lambda: _fractal_classes()[1],
    "fractal_ab": lambda: GaussianMixture.joined(*_fractal_classes()),
    "spiral": _spiral,
    "spiral_outer": lambda: _part(_spiral(), slice(48, None)),
    "pinwheel": _pinwheel,
    "pinwheel_arm": lambda: _part(_pinwheel(), slice(24)),
    "circles": _circles,
    "circles_outer": lambda: _part(_circles(), slice(64, None)),
}

DENSITIES = tuple(_DENSITIES)


def density(name: str) -> GaussianMixture:
    """The named density. "fractal" is its first class alone, "fractal_b" the second, "fractal_ab" both; names such as
    "spiral_outer" are a part of a density.

    Raises:
        BadRequest: code "density-unknown".
    """
    if name not in _DENSITIES:
        raise BadRequest("density-unknown", f"There is no density {name!r}.", f"Choose one of: {', '.join(DENSITIES)}.")
    return _DENSITIES[name]()
