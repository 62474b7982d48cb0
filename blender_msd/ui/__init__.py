"""Panels, operators, settings and preferences. `draw` and `poll` only read what the bridge already knows."""

import bpy

from . import (
    model_operators,
    models,
    operators,
    panels,
    preferences,
    properties,
    remedy_operators,
    server_operators,
    settings,
    undo,
)

CLASSES = (
    *preferences.CLASSES,
    *properties.CLASSES,
    *operators.CLASSES,
    *server_operators.CLASSES,
    *remedy_operators.CLASSES,
    *model_operators.CLASSES,
    *models.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    settings.register()
    undo.register()


def unregister() -> None:
    undo.unregister()
    settings.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
