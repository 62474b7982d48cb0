"""Panels, operators, settings and preferences. `draw` and `poll` only read what the bridge already knows."""

import bpy

from . import models, operators, panels, preferences, properties

CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *models.CLASSES, *panels.CLASSES)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.msd = bpy.props.PointerProperty(type=properties.MSD_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.msd
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
