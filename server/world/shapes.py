"""Sixteen objects as signed distance functions, each point of their surface belonging to a named material.

Z up, front towards +X, inside the unit ball. Primitives after the usual constructions for distance fields (Hart 1996,
"Sphere tracing"); ellipsoids, cones over polygons and unions inside a solid are bounds rather than exact distances.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from functools import cache

import torch
from torch import Tensor


class Material(IntEnum):
    """What a surface point is made of; BACKGROUND is no surface. MAIN takes the caption's colour, SECOND that of the
    object's named part."""

    BACKGROUND = 0
    MAIN = 1
    SECOND = 2
    DARK = 3
    LIGHT = 4
    GLASS = 5
    ORANGE = 6
    WOOD = 7
    RED = 8


Solid = tuple[Tensor, Material]
Build = Callable[[Tensor, Tensor, Tensor], list[Solid]]


def _sphere(x: Tensor, y: Tensor, z: Tensor, radius: float) -> Tensor:
    return torch.sqrt(x * x + y * y + z * z) - radius


def _ellipsoid(x: Tensor, y: Tensor, z: Tensor, rx: float, ry: float, rz: float) -> Tensor:
    px, py, pz = x / rx, y / ry, z / rz
    inner = torch.sqrt(px * px + py * py + pz * pz)
    slope = torch.sqrt((px / rx) ** 2 + (py / ry) ** 2 + (pz / rz) ** 2).clamp_min(1e-6)
    return inner * (inner - 1) / slope


def _box(x: Tensor, y: Tensor, z: Tensor, hx: float, hy: float, hz: float, rounding: float = 0.0) -> Tensor:
    qx, qy, qz = x.abs() - (hx - rounding), y.abs() - (hy - rounding), z.abs() - (hz - rounding)
    outside = torch.sqrt(qx.clamp_min(0) ** 2 + qy.clamp_min(0) ** 2 + qz.clamp_min(0) ** 2)
    return outside + torch.maximum(qx, torch.maximum(qy, qz)).clamp_max(0) - rounding


def _cylinder(radial: Tensor, along: Tensor, radius: float, half: float, rounding: float = 0.0) -> Tensor:
    """From the distance to the axis and the coordinate along it."""
    dr, da = radial - (radius - rounding), along.abs() - (half - rounding)
    return torch.maximum(dr, da).clamp_max(0) + torch.sqrt(dr.clamp_min(0) ** 2 + da.clamp_min(0) ** 2) - rounding


def _cone(radial: Tensor, along: Tensor, bottom: float, top: float, half: float) -> Tensor:
    """Truncated cone from radius `bottom` at along = -half to radius `top` at along = half."""
    length = math.hypot(bottom - top, 2 * half)
    nr, na = 2 * half / length, (bottom - top) / length
    side = (radial - (bottom + top) / 2) * nr + along * na
    caps = along.abs() - half
    # Clamped along the slanted side: exact outside, a lower bound next to the rims' inner wedge.
    t = ((along + half) * (2 * half) - (radial - bottom) * (bottom - top)) / length**2
    t = t.clamp(0, 1)
    er, ea = radial - (bottom + (top - bottom) * t), along - (-half + 2 * half * t)
    to_side = torch.sqrt(er * er + ea * ea)
    cap_r = (radial - torch.where(along > 0, top, bottom)).clamp_min(0)
    to_cap = torch.sqrt(cap_r * cap_r + caps * caps)
    outside = torch.minimum(to_side, to_cap)
    return torch.where((side < 0) & (caps < 0), torch.maximum(side, caps), outside)


def _torus(radial: Tensor, along: Tensor, major: float, minor: float) -> Tensor:
    return torch.sqrt((radial - major) ** 2 + along * along) - minor


def _capsule(
    x: Tensor, y: Tensor, z: Tensor, a: tuple[float, ...], b: tuple[float, ...], ra: float, rb: float
) -> Tensor:
    """Rod from a to b whose radius goes linearly from ra to rb."""
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    length2 = dx * dx + dy * dy + dz * dz
    px, py, pz = x - a[0], y - a[1], z - a[2]
    t = ((px * dx + py * dy + pz * dz) / length2).clamp(0, 1)
    gap = torch.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2 + (pz - t * dz) ** 2) - (ra + (rb - ra) * t)
    return gap / math.sqrt(1 + (rb - ra) ** 2 / length2)


def _blend(a: Tensor, b: Tensor, width: float) -> Tensor:
    """Smooth union (polynomial, Quilez 2013)."""
    h = (width - (a - b).abs()).clamp_min(0) / width
    return torch.minimum(a, b) - h * h * width * 0.25


def _radial(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(a * a + b * b)


def _any(*distances: Tensor) -> Tensor:
    nearest = distances[0]
    for distance in distances[1:]:
        nearest = torch.minimum(nearest, distance)
    return nearest


def _ball(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(_sphere(x, y, z, 0.74), Material.MAIN)]


def _cube(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(_box(x, y, z, 0.54, 0.54, 0.54, 0.03), Material.MAIN)]


def _cylinder_object(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(_cylinder(_radial(x, y), z, 0.46, 0.7, 0.03), Material.MAIN)]


def _cone_object(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(_cone(_radial(x, y), z, 0.58, 0.02, 0.72) - 0.01, Material.MAIN)]


def _torus_object(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(_torus(_radial(x, y), z, 0.6, 0.25), Material.MAIN)]


def _pyramid(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    base, half, height = -0.46, 0.62, 1.16
    slant = math.hypot(half, height)
    side = (torch.maximum(x.abs(), y.abs()) - half) * (height / slant) + (z - base) * (half / slant)
    return [(torch.maximum(side, base - z), Material.MAIN)]


def _mushroom(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    radial = _radial(x, y)
    dome = _ellipsoid(x, y, z - 0.1, 0.74, 0.74, 0.62)
    cap = torch.maximum(dome, 0.06 - z)
    stem = _cone(radial, z + 0.32, 0.25, 0.17, 0.42) - 0.02
    spots = []
    for azimuth, height, size in _SPOTS:
        flat = math.sqrt(1 - height**2) * 0.74
        spots.append(_sphere(x - flat * math.cos(azimuth), y - flat * math.sin(azimuth), z - 0.1 - 0.62 * height, size))
    on_cap = torch.maximum(_any(*spots), dome - 0.015)
    return [(cap, Material.MAIN), (stem, Material.SECOND), (on_cap, Material.LIGHT)]


_SPOTS = (
    [(1.05 * k, 0.34, 0.125) for k in range(6)] + [(2.1 * k + 0.5, 0.76, 0.13) for k in range(3)] + [(0.0, 0.995, 0.1)]
)


def _snowman(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    balls = _any(_sphere(x, y, z + 0.5, 0.43), _sphere(x, y, z - 0.02, 0.31), _sphere(x, y, z - 0.41, 0.225))
    radial = _radial(x, y)
    hat = _any(_cylinder(radial, z - 0.59, 0.27, 0.03), _cylinder(radial, z - 0.74, 0.17, 0.17))
    nose = _capsule(x, y, z, (0.2, 0.0, 0.41), (0.46, 0.0, 0.38), 0.055, 0.012)
    side = y.abs()
    eyes = _sphere(x - 0.195, side - 0.085, z - 0.48, 0.036)
    buttons = _any(_sphere(x - 0.3, y, z - 0.1, 0.036), _sphere(x - 0.31, y, z + 0.04, 0.036))
    arms = _any(
        _capsule(x, side, z, (0.0, 0.25, 0.08), (0.06, 0.62, 0.26), 0.032, 0.026),
        _capsule(x, side, z, (0.05, 0.52, 0.2), (0.1, 0.64, 0.14), 0.024, 0.022),
    )
    return [
        (balls, Material.MAIN),
        (hat, Material.SECOND),
        (nose, Material.ORANGE),
        (_any(eyes, buttons), Material.DARK),
        (arms, Material.WOOD),
    ]


def _table(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    top = _box(x, y, z - 0.36, 0.5, 0.74, 0.055, 0.02)
    legs = _box(x.abs() - 0.4, y.abs() - 0.63, z + 0.08, 0.06, 0.06, 0.42, 0.01)
    return [(top, Material.MAIN), (legs, Material.SECOND)]


def _chair(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    seat = _box(x, y, z + 0.05, 0.4, 0.4, 0.06, 0.02)
    back = _box(x + 0.35, y, z - 0.42, 0.055, 0.4, 0.42, 0.02)
    legs = _box(x.abs() - 0.33, y.abs() - 0.33, z + 0.45, 0.055, 0.055, 0.36, 0.01)
    return [(_any(seat, back), Material.MAIN), (legs, Material.SECOND)]


def _mug(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    y = y + 0.14
    radial = _radial(x, y)
    wall = _cylinder(radial, z, 0.46, 0.54, 0.03)
    cup = torch.maximum(wall, -_cylinder(radial, z - 0.09, 0.375, 0.54, 0.05))
    ring = _torus(_radial(y - 0.47, z), x, 0.27, 0.075)
    handle = torch.maximum(ring, 0.4 - radial)
    return [(cup, Material.MAIN), (handle, Material.SECOND)]


def _car(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    body = _box(x, y, z + 0.12, 0.84, 0.37, 0.17, 0.09)
    slope = 0.5
    along = x + 0.1
    tilt = math.sqrt(1 + slope**2)
    glass = torch.maximum(
        torch.maximum((along.abs() - 0.56 + slope * z) / tilt, (y.abs() - 0.34 + 0.25 * z) / math.sqrt(1.0625)),
        torch.maximum(z - 0.3, -z - 0.05),
    )
    roof = _box(along, y, z - 0.31, 0.43, 0.28, 0.04, 0.03)
    pillar = torch.maximum(glass - 0.012, along.abs() - 0.05)
    wheel_x, wheel_y, wheel_z = x.abs() - 0.5, y.abs() - 0.35, z + 0.27
    wheels = _cylinder(_radial(wheel_x, wheel_z), wheel_y, 0.2, 0.085, 0.03)
    hubs = _cylinder(_radial(wheel_x, wheel_z), wheel_y - 0.02, 0.085, 0.075)
    lamps = _ellipsoid(x - 0.8, y.abs() - 0.25, z + 0.07, 0.06, 0.07, 0.055)
    tail = _box(x + 0.82, y.abs() - 0.26, z + 0.06, 0.035, 0.07, 0.04, 0.01)
    return [
        (_any(body, roof, pillar), Material.MAIN),
        (wheels, Material.SECOND),
        (glass, Material.GLASS),
        (_any(lamps, hubs), Material.LIGHT),
        (tail, Material.RED),
    ]


def _tree(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    radial = _radial(x, y)
    tiers = _any(
        _cone(radial, z + 0.15, 0.56, 0.2, 0.23) - 0.02,
        _cone(radial, z - 0.19, 0.45, 0.14, 0.21) - 0.02,
        _cone(radial, z - 0.61, 0.34, 0.01, 0.29) - 0.02,
    )
    trunk = _cylinder(radial, z + 0.63, 0.12, 0.3)
    return [(tiers, Material.MAIN), (trunk, Material.SECOND)]


def _house(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    walls_box = _box(x, y, z + 0.24, 0.42, 0.54, 0.34)
    pitch = 0.95
    tilt = math.sqrt(1 + pitch**2)
    ridge = 0.62
    under = (z - ridge + 0.1 + pitch * x.abs()) / tilt
    gable = torch.maximum(torch.maximum(y.abs() - 0.54, x.abs() - 0.42), torch.maximum(under, 0.05 - z))
    slab = torch.maximum((z - ridge + pitch * x.abs()) / tilt, -under)
    roof = torch.maximum(torch.maximum(slab, y.abs() - 0.64), -z)
    chimney = _box(x + 0.2, y - 0.3, z - 0.53, 0.08, 0.08, 0.2)
    door = _box(x - 0.42, y, z + 0.35, 0.025, 0.11, 0.23)
    front = _box(x.abs() - 0.42, y.abs() - 0.34, z + 0.17, 0.025, 0.095, 0.11)
    back = _box(x + 0.42, y, z + 0.17, 0.025, 0.095, 0.11)
    gable_end = _box(x, y.abs() - 0.54, z + 0.17, 0.12, 0.025, 0.12)
    return [
        (_any(walls_box, gable), Material.MAIN),
        (roof, Material.SECOND),
        (_any(front, back, gable_end), Material.GLASS),
        (door, Material.WOOD),
        (chimney, Material.RED),
    ]


def _duck(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    side = y.abs()
    body = _ellipsoid(x + 0.08, y, z + 0.25, 0.6, 0.43, 0.36)
    tail = _capsule(x, y, z, (-0.42, 0.0, -0.15), (-0.76, 0.0, 0.12), 0.2, 0.05)
    neck = _capsule(x, y, z, (0.26, 0.0, -0.1), (0.3, 0.0, 0.3), 0.22, 0.2)
    head = _sphere(x - 0.32, y, z - 0.36, 0.3)
    bird = _blend(_blend(_blend(body, tail, 0.18), neck, 0.16), head, 0.08)
    wing = _ellipsoid(x + 0.14, side - 0.36, z + 0.2, 0.34, 0.12, 0.2)
    lower = _ellipsoid(x - 0.63, y, z - 0.27, 0.18, 0.15, 0.065)
    upper = _ellipsoid(x - 0.62, y, z - 0.33, 0.21, 0.16, 0.075)
    eyes = _sphere(x - 0.535, side - 0.155, z - 0.46, 0.052)
    return [(_blend(bird, wing, 0.04), Material.MAIN), (_any(lower, upper), Material.SECOND), (eyes, Material.DARK)]


def _hammer(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    handle = _cylinder(_radial(x, y), z + 0.2, 0.085, 0.7, 0.03)
    middle = _box(x, y - 0.02, z - 0.5, 0.14, 0.16, 0.14, 0.03)
    face = _cylinder(_radial(x, z - 0.5), y - 0.38, 0.17, 0.13, 0.03)
    neck = _cylinder(_radial(x, z - 0.5), y - 0.2, 0.11, 0.14)
    claw = _capsule(x * 0.8, y, z, (0.0, -0.1, 0.53), (0.0, -0.56, 0.42), 0.13, 0.04) * 0.95
    return [(_any(middle, face, neck, claw), Material.MAIN), (handle, Material.SECOND)]


SHAPES: dict[str, Build] = {
    "ball": _ball,
    "cube": _cube,
    "cylinder": _cylinder_object,
    "cone": _cone_object,
    "torus": _torus_object,
    "pyramid": _pyramid,
    "mushroom": _mushroom,
    "snowman": _snowman,
    "table": _table,
    "chair": _chair,
    "mug": _mug,
    "car": _car,
    "tree": _tree,
    "house": _house,
    "duck": _duck,
    "hammer": _hammer,
}


def signed_distance(kind: str, points: Tensor) -> Tensor:
    """Signed distance (negative inside; a bound where the module's text says so) of `points` [N, 3] to a kind, [N]."""
    x, y, z = points.unbind(-1)
    return _any(*[distance for distance, _ in SHAPES[kind](x, y, z)])


def distance_and_material(kind: str, points: Tensor) -> tuple[Tensor, Tensor]:
    """As `signed_distance`, with the Material (uint8 [N]) of the nearest part."""
    x, y, z = points.unbind(-1)
    solids = SHAPES[kind](x, y, z)
    distance, which = torch.stack([d for d, _ in solids]).min(0)
    materials = torch.tensor([int(material) for _, material in solids], dtype=torch.uint8, device=points.device)
    return distance, materials[which]


@cache
def materials_of(kind: str) -> tuple[Material, ...]:
    """The materials of a kind, in the order of their numbers."""
    origin = torch.zeros(1)
    return tuple(sorted({material for _, material in SHAPES[kind](origin, origin, origin)}))


@cache
def bounding_box(kind: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Lower and upper corner of a box that holds the object, tight to 0.04."""
    line = torch.linspace(-1.02, 1.02, 52)
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    inside = grid[signed_distance(kind, grid) < 0.036]
    low, high = inside.amin(0) - 0.02, inside.amax(0) + 0.02
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
