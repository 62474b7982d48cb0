"""Where a result will go, taken from the context, and why it cannot go there."""

from __future__ import annotations

import bpy

from ..core import checks
from ..core.errors import Problem
from ..scene import images, placement, room
from ..scene.images import Target
from ..scene.placement import Place
from ..scene.present import present
from .values import Values


def aim(context: bpy.types.Context, values: Values, kind: str) -> Place | Target:
    """A place for a "mesh", a target for a "texture".

    Raises:
        Problem: as `place` and `target`.
    """
    return place(context, values) if kind == "mesh" else target(context, values)


def place(context: bpy.types.Context, values: Values) -> Place:
    """Where an object goes: at the cursor, beside what stands there, or at the world's origin.

    Raises:
        Problem: "scene-linked"; "value-out-of-range", for a size or a cursor.
    """
    scene = present(context.scene)
    placement.check_scene(scene)
    size = placement.units(scene, values["size"])
    if values["place"] == "ORIGIN":
        return Place((0.0, 0.0, 0.0), size, scene.name)
    cursor = scene.cursor.location.to_tuple()
    checks.place("The 3D cursor", cursor)
    if values["place"] == "BESIDE":
        cursor = room.free_spot(present(context.view_layer), cursor, size)
    return Place(cursor, size, scene.name)


def target(context: bpy.types.Context, values: Values) -> Target:
    """What a picture goes on.

    Raises:
        Problem: "nothing-to-cover".
    """
    obj = context.object
    if values["apply"] == "IMAGE":
        return Target(None, values["repeat"])
    if obj is None or not images.takes_material(obj):
        hint = "Select an object with a surface, or choose Image Only."
        raise Problem("nothing-to-cover", "The active object takes no material.", hint)
    return Target(obj.session_uid, values["repeat"], obj.name)


def check(values: Values, kind: str) -> None:
    """Make sure, without looking at the whole scene, that a result would have somewhere to go.

    Raises:
        Problem: as `aim`, except for a cursor.
    """
    if kind == "mesh":
        placement.check_scene(present(bpy.context.scene))
    else:
        target(bpy.context, values)
