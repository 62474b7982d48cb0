"""Where in a scene there is room for a new object, so that it is not hidden in what stands there already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from . import provenance

# What is so many times as wide is a floor, a room or a landscape: things stand in it, not beside it.
SURROUNDING = 10.0
# Left free between two objects, in sizes of the new one.
GAP = 0.1
# What reaches so little into the new object's space, in sizes of it, does not hide it: it stands on it.
TOUCH = 0.02


# What has no surface.
_BARE = ("EMPTY", "LIGHT", "CAMERA", "SPEAKER", "LIGHT_PROBE", "ARMATURE", "LATTICE")

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """Lowest and highest corner, float64 [3], in scene units, along the world's axes."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def overlaps(self, other: Box, slack: float) -> bool:
        return bool((self.low + slack < other.high).all() and (other.low + slack < self.high).all())


def free_spot(
    layer: bpy.types.ViewLayer, location: Point, size: float, reserved: Sequence[tuple[Point, float]] = ()
) -> Point:
    """`location`, or the nearest place beside it along the world's X axis where nothing visible stands.

    Args:
        location: of the base of something that is `size` wide and high, in scene units.
        reserved: location and size of what will stand there.
    """
    layer.update()  # else a transform that was just set is not in the matrices yet
    taken = [box for box in _boxes(layer) if (box.high - box.low)[:2].max() < SURROUNDING * size]
    taken += [_standing_at(*each) for each in reserved]
    x, y, z = location
    while blocked := [box for box in taken if _standing_at((x, y, z), size).overlaps(box, TOUCH * size)]:
        x = float(max(box.high[0] for box in blocked)) + (0.5 + GAP) * size
    return x, y, z


def _standing_at(base: Point, size: float) -> Box:
    half, (x, y, z) = size / 2, base
    return Box(np.array([x - half, y - half, z]), np.array([x + half, y + half, z + size]))


def _boxes(layer: bpy.types.ViewLayer) -> Iterator[Box]:
    """Of everything that is seen in this view layer and has an extent."""
    for obj in layer.objects:
        if provenance.is_preview(obj) or not obj.visible_get(view_layer=layer):
            continue
        matrix = np.array(obj.matrix_world)
        if obj.instance_type == "COLLECTION" and obj.instance_collection is not None:
            shift = np.eye(4)
            shift[:3, 3] = -np.array(obj.instance_collection.instance_offset)
            for part in obj.instance_collection.all_objects:
                yield from _box(part, matrix @ shift @ np.array(part.matrix_world))
        else:
            yield from _box(obj, matrix)


def _box(obj: bpy.types.Object, matrix: NDArray[np.float64]) -> Iterator[Box]:
    if obj.type not in _BARE:
        corners = np.array([tuple(corner) for corner in obj.bound_box]) @ matrix[:3, :3].T + matrix[:3, 3]
        yield Box(corners.min(0), corners.max(0))
