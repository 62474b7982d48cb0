"""The settings as a file holds them: written past every limit, as by another version of the add-on."""

from __future__ import annotations

from typing import Any

import bpy


def write(kind: str, **values: Any) -> None:
    """Store values of the settings of a "mesh" or a "texture" without asking Blender what it allows."""
    scene = bpy.context.scene
    if bpy.app.version >= (5, 0, 0):
        stored = getattr(scene.msd, kind).bl_system_properties_get(do_create=True)
    else:
        getattr(scene.msd, kind).random_seed = False  # makes the groups that are stored
        stored = scene["msd"][kind]
    for name, value in values.items():
        stored.pop(name, None)
        stored[name] = value
