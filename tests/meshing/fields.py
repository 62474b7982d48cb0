"""Analytic fields: densities that cross the surface level exactly where a signed distance is zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from server.meshing.arrays import Floats
from server.meshing.fields import Colour, Density

LEVEL = 4.0

Distance = Callable[[Floats], Floats]


def solid(distance: Distance, sharpness: float = 60.0) -> Density:
    """As dense as a trained field: about 200 inside, falling by e every 1 / sharpness outside."""
    return lambda points: (LEVEL * np.exp(np.clip(-distance(points) * sharpness, -20, 4))).astype(np.float32)


def shell(distance: Distance, thickness: float) -> Density:
    """Dense only within `thickness` below the surface: hollow inside, as fields trained from outside are."""
    full = solid(distance)
    return lambda points: np.where(distance(points) < -thickness, 0, full(points)).astype(np.float32)


def ball(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Distance:
    return lambda points: np.linalg.norm(points - np.asarray(centre, np.float32), axis=-1) - radius


def box(x: float, y: float, z: float) -> Distance:
    """Half sizes."""
    return lambda points: (np.abs(points) - np.asarray([x, y, z], np.float32)).max(-1)


def union(*distances: Distance) -> Distance:
    return lambda points: np.min([distance(points) for distance in distances], axis=0)


def mug(points: Floats) -> Floats:
    """A cylinder of radius .5 and height 1, walls .12 thick, open at the top."""
    x, y, z = points.T
    radius = np.hypot(x, y)
    outer = np.maximum(radius - 0.5, np.abs(z) - 0.5)
    cavity = np.maximum(radius - 0.38, -0.38 - z)
    return np.maximum(outer, -cavity)


def position_as_colour(points: Floats) -> Floats:
    return np.clip(points * 0.5 + 0.5, 0, 1).astype(np.float32)


def one_colour(red: float, green: float, blue: float) -> Colour:
    return lambda points: np.tile(np.asarray([red, green, blue], np.float32), (len(points), 1))
