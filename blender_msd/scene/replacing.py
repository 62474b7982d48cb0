"""An object in the place of another one: as large, turned as that was, and where that was in the scene."""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ..core.errors import Problem
from . import provenance


@dataclass(frozen=True)
class Footprint:
    """Attributes:
    base: the middle of the underside, in scene units.
    size: the longest side.
    yaw: how far its own X axis is turned about the world's Z axis, in radians.
    """

    base: tuple[float, float, float]
    size: float
    yaw: float


def check(obj: bpy.types.Object | None, selected: list[bpy.types.Object]) -> bpy.types.Object:
    """The object that can be replaced: the active one, when it is selected.

    Raises:
        Problem: "nothing-to-replace", "object-linked".
    """
    if obj is None or obj not in selected or provenance.is_preview(obj):
        hint = "Select the object that the new one is to replace, or choose another place."
        raise Problem("nothing-to-replace", "No object is selected that could be replaced.", hint)
    if obj.library is not None or obj.override_library is not None:
        raise Problem("object-linked", f"{obj.name} belongs to a linked file.", "Make it local first.")
    if not max(obj.dimensions):
        hint = "Select one with a size, or choose another place."
        raise Problem("nothing-to-replace", f"{obj.name} has no size.", hint)
    return obj


def footprint(obj: bpy.types.Object) -> Footprint:
    matrix = np.array(obj.matrix_world)
    yaw = math.atan2(matrix[1, 0], matrix[0, 0])
    turn = np.array(Matrix.Rotation(-yaw, 3, "Z"))
    corners = (np.array([tuple(each) for each in obj.bound_box]) @ matrix[:3, :3].T + matrix[:3, 3]) @ turn.T
    low, high = corners.min(0), corners.max(0)
    x, y, z = (float(axis) for axis in np.array([*(low + high)[:2] / 2, low[2]]) @ turn)
    return Footprint((x, y, z), float((high - low).max()), yaw)


def find(session_uid: int) -> bpy.types.Object | None:
    """The object with this `session_uid`, if it still exists."""
    return next((obj for obj in bpy.data.objects if obj.session_uid == session_uid), None)


def take_over(new: bpy.types.Object, old: bpy.types.Object) -> None:
    """Put an object into the collections, below the parent and above the children of another, which is removed.

    Nothing moves: `new` keeps the place that it has in the world, and so do the children.
    """
    for collection in new.users_collection:
        collection.objects.unlink(new)
    for collection in old.users_collection:
        collection.objects.link(new)
    here = new.matrix_basis.copy()
    if old.parent is not None:
        new.parent = old.parent
        new.matrix_parent_inverse = old.parent.matrix_world.inverted()
    for child in list(old.children):
        before = child.matrix_world.copy()
        child.parent, child.parent_type = new, "OBJECT"
        child.matrix_parent_inverse = here.inverted()
        child.matrix_basis = before
    data = old.data
    bpy.data.objects.remove(old)
    if isinstance(data, bpy.types.Mesh) and not data.users:
        bpy.data.meshes.remove(data)
