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

from server.world.distances import blend, box, capsule, cone, cylinder, ellipsoid, radial_distance, sphere, torus, union


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


def _ball(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(sphere(x, y, z, 0.74), Material.MAIN)]


def _cube(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(box(x, y, z, 0.54, 0.54, 0.54, 0.03), Material.MAIN)]


def _cylinder_object(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(cylinder(radial_distance(x, y), z, 0.46, 0.7, 0.03), Material.MAIN)]


def _cone_object(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(cone(radial_distance(x, y), z, 0.58, 0.02, 0.72) - 0.01, Material.MAIN)]


def _torus_object(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    return [(torus(radial_distance(x, y), z, 0.6, 0.25), Material.MAIN)]


def _pyramid(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    base, half, height = -0.46, 0.62, 1.16
    slant = math.hypot(half, height)
    side = (torch.maximum(x.abs(), y.abs()) - half) * (height / slant) + (z - base) * (half / slant)
    return [(torch.maximum(side, base - z), Material.MAIN)]


def _mushroom(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    radial = radial_distance(x, y)
    dome = ellipsoid(x, y, z - 0.1, 0.74, 0.74, 0.62)
    cap = torch.maximum(dome, 0.06 - z)
    stem = cone(radial, z + 0.32, 0.25, 0.17, 0.42) - 0.02
    spots = []
    for azimuth, height, size in _SPOTS:
        flat = math.sqrt(1 - height**2) * 0.74
        spots.append(sphere(x - flat * math.cos(azimuth), y - flat * math.sin(azimuth), z - 0.1 - 0.62 * height, size))
    on_cap = torch.maximum(union(*spots), dome - 0.015)
    return [(cap, Material.MAIN), (stem, Material.SECOND), (on_cap, Material.LIGHT)]


_SPOTS = (
    [(1.05 * k, 0.34, 0.125) for k in range(6)] + [(2.1 * k + 0.5, 0.76, 0.13) for k in range(3)] + [(0.0, 0.995, 0.1)]
)


def _snowman(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    balls = union(sphere(x, y, z + 0.5, 0.43), sphere(x, y, z - 0.02, 0.31), sphere(x, y, z - 0.41, 0.225))
    radial = radial_distance(x, y)
    hat = union(cylinder(radial, z - 0.59, 0.27, 0.03), cylinder(radial, z - 0.74, 0.17, 0.17))
    nose = capsule(x, y, z, (0.2, 0.0, 0.41), (0.46, 0.0, 0.38), 0.055, 0.012)
    side = y.abs()
    eyes = sphere(x - 0.195, side - 0.085, z - 0.48, 0.036)
    buttons = union(sphere(x - 0.3, y, z - 0.1, 0.036), sphere(x - 0.31, y, z + 0.04, 0.036))
    arms = union(
        capsule(x, side, z, (0.0, 0.25, 0.08), (0.06, 0.62, 0.26), 0.032, 0.026),
        capsule(x, side, z, (0.05, 0.52, 0.2), (0.1, 0.64, 0.14), 0.024, 0.022),
    )
    return [
        (balls, Material.MAIN),
        (hat, Material.SECOND),
        (nose, Material.ORANGE),
        (union(eyes, buttons), Material.DARK),
        (arms, Material.WOOD),
    ]


def _table(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    top = box(x, y, z - 0.36, 0.5, 0.74, 0.055, 0.02)
    legs = box(x.abs() - 0.4, y.abs() - 0.63, z + 0.08, 0.06, 0.06, 0.42, 0.01)
    return [(top, Material.MAIN), (legs, Material.SECOND)]


def _chair(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    seat = box(x, y, z + 0.05, 0.4, 0.4, 0.06, 0.02)
    back = box(x + 0.35, y, z - 0.42, 0.055, 0.4, 0.42, 0.02)
    legs = box(x.abs() - 0.33, y.abs() - 0.33, z + 0.45, 0.055, 0.055, 0.36, 0.01)
    return [(union(seat, back), Material.MAIN), (legs, Material.SECOND)]


def _mug(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    y = y + 0.14
    radial = radial_distance(x, y)
    wall = cylinder(radial, z, 0.46, 0.54, 0.03)
    cup = torch.maximum(wall, -cylinder(radial, z - 0.09, 0.375, 0.54, 0.05))
    ring = torus(radial_distance(y - 0.47, z), x, 0.27, 0.075)
    handle = torch.maximum(ring, 0.4 - radial)
    return [(cup, Material.MAIN), (handle, Material.SECOND)]


def _car(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    body = box(x, y, z + 0.12, 0.84, 0.37, 0.17, 0.09)
    slope = 0.5
    along = x + 0.1
    tilt = math.sqrt(1 + slope**2)
    glass = torch.maximum(
        torch.maximum((along.abs() - 0.56 + slope * z) / tilt, (y.abs() - 0.34 + 0.25 * z) / math.sqrt(1.0625)),
        torch.maximum(z - 0.3, -z - 0.05),
    )
    roof = box(along, y, z - 0.31, 0.43, 0.28, 0.04, 0.03)
    pillar = torch.maximum(glass - 0.012, along.abs() - 0.05)
    wheel_x, wheel_y, wheel_z = x.abs() - 0.5, y.abs() - 0.35, z + 0.27
    wheels = cylinder(radial_distance(wheel_x, wheel_z), wheel_y, 0.2, 0.085, 0.03)
    hubs = cylinder(radial_distance(wheel_x, wheel_z), wheel_y - 0.02, 0.085, 0.075)
    lamps = ellipsoid(x - 0.8, y.abs() - 0.25, z + 0.07, 0.06, 0.07, 0.055)
    tail = box(x + 0.82, y.abs() - 0.26, z + 0.06, 0.035, 0.07, 0.04, 0.01)
    return [
        (union(body, roof, pillar), Material.MAIN),
        (wheels, Material.SECOND),
        (glass, Material.GLASS),
        (union(lamps, hubs), Material.LIGHT),
        (tail, Material.RED),
    ]


def _tree(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    radial = radial_distance(x, y)
    tiers = union(
        cone(radial, z + 0.15, 0.56, 0.2, 0.23) - 0.02,
        cone(radial, z - 0.19, 0.45, 0.14, 0.21) - 0.02,
        cone(radial, z - 0.61, 0.34, 0.01, 0.29) - 0.02,
    )
    trunk = cylinder(radial, z + 0.63, 0.12, 0.3)
    return [(tiers, Material.MAIN), (trunk, Material.SECOND)]


def _house(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    walls_box = box(x, y, z + 0.24, 0.42, 0.54, 0.34)
    pitch = 0.95
    tilt = math.sqrt(1 + pitch**2)
    ridge = 0.62
    under = (z - ridge + 0.1 + pitch * x.abs()) / tilt
    gable = torch.maximum(torch.maximum(y.abs() - 0.54, x.abs() - 0.42), torch.maximum(under, 0.05 - z))
    slab = torch.maximum((z - ridge + pitch * x.abs()) / tilt, -under)
    roof = torch.maximum(torch.maximum(slab, y.abs() - 0.64), -z)
    chimney = box(x + 0.2, y - 0.3, z - 0.53, 0.08, 0.08, 0.2)
    door = box(x - 0.42, y, z + 0.35, 0.025, 0.11, 0.23)
    front = box(x.abs() - 0.42, y.abs() - 0.34, z + 0.17, 0.025, 0.095, 0.11)
    back = box(x + 0.42, y, z + 0.17, 0.025, 0.095, 0.11)
    gable_end = box(x, y.abs() - 0.54, z + 0.17, 0.12, 0.025, 0.12)
    return [
        (union(walls_box, gable), Material.MAIN),
        (roof, Material.SECOND),
        (union(front, back, gable_end), Material.GLASS),
        (door, Material.WOOD),
        (chimney, Material.RED),
    ]


def _duck(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    side = y.abs()
    body = ellipsoid(x + 0.08, y, z + 0.25, 0.6, 0.43, 0.36)
    tail = capsule(x, y, z, (-0.42, 0.0, -0.15), (-0.76, 0.0, 0.12), 0.2, 0.05)
    neck = capsule(x, y, z, (0.26, 0.0, -0.1), (0.3, 0.0, 0.3), 0.22, 0.2)
    head = sphere(x - 0.32, y, z - 0.36, 0.3)
    bird = blend(blend(blend(body, tail, 0.18), neck, 0.16), head, 0.08)
    wing = ellipsoid(x + 0.14, side - 0.36, z + 0.2, 0.34, 0.12, 0.2)
    lower = ellipsoid(x - 0.63, y, z - 0.27, 0.18, 0.15, 0.065)
    upper = ellipsoid(x - 0.62, y, z - 0.33, 0.21, 0.16, 0.075)
    eyes = sphere(x - 0.535, side - 0.155, z - 0.46, 0.052)
    return [(blend(bird, wing, 0.04), Material.MAIN), (union(lower, upper), Material.SECOND), (eyes, Material.DARK)]


def _hammer(x: Tensor, y: Tensor, z: Tensor) -> list[Solid]:
    handle = cylinder(radial_distance(x, y), z + 0.2, 0.085, 0.7, 0.03)
    middle = box(x, y - 0.02, z - 0.5, 0.14, 0.16, 0.14, 0.03)
    face = cylinder(radial_distance(x, z - 0.5), y - 0.38, 0.17, 0.13, 0.03)
    neck = cylinder(radial_distance(x, z - 0.5), y - 0.2, 0.11, 0.14)
    claw = capsule(x * 0.8, y, z, (0.0, -0.1, 0.53), (0.0, -0.56, 0.42), 0.13, 0.04) * 0.95
    return [(union(middle, face, neck, claw), Material.MAIN), (handle, Material.SECOND)]


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
    return union(*[distance for distance, _ in SHAPES[kind](x, y, z)])


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


@cache
def extent(kind: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Lower and upper corner of the object itself, to 0.01."""
    low, high = (torch.tensor(corner) for corner in bounding_box(kind))
    steps = [torch.arange(float(a), float(b), 0.02) for a, b in zip(low, high, strict=True)]
    grid = torch.stack(torch.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    inside = torch.cat([part[signed_distance(kind, part) < 0] for part in grid.split(2**16)])
    low, high = inside.amin(0) - 0.01, inside.amax(0) + 0.01
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
