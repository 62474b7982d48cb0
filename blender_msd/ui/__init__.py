"""Panels, operators, settings and preferences. `draw` and `poll` only read what the bridge already knows."""

import bpy

from . import model_operators, models, operators, panels, preferences, properties, settings

CLASSES = (
    *preferences.CLASSES,
    *properties.CLASSES,
    *operators.CLASSES,
    *model_operators.CLASSES,
    *models.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    settings.register()


def unregister() -> None:
    settings.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
