"""Panels, operators, settings and preferences. `draw` and `poll` only read what the bridge already knows."""

import bpy

from ..scene import thumbnails
from . import (
    asset_operators,
    curve,
    export_operators,
    groups,
    job_operators,
    look_operators,
    model_operators,
    models,
    operators,
    own_presets,
    panels,
    preferences,
    prompt_menus,
    prompt_operators,
    recent,
    remedy_operators,
    rendering,
    reshape_operators,
    result_operators,
    retexture_operators,
    server_operators,
    settings,
    setup_operators,
    source_operators,
    undo,
)

CLASSES = (
    *preferences.CLASSES,
    *groups.CLASSES,
    *operators.CLASSES,
    *job_operators.CLASSES,
    *look_operators.CLASSES,
    *result_operators.CLASSES,
    *retexture_operators.CLASSES,
    *source_operators.CLASSES,
    *server_operators.CLASSES,
    *remedy_operators.CLASSES,
    *model_operators.CLASSES,
    *models.CLASSES,
    *prompt_operators.CLASSES,
    *prompt_menus.CLASSES,
    *own_presets.CLASSES,
    *asset_operators.CLASSES,
    *export_operators.CLASSES,
    *reshape_operators.CLASSES,
    *setup_operators.CLASSES,
    *panels.CLASSES,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    settings.register()
    recent.register()
    curve.register()
    undo.register()
    rendering.register()
    thumbnails.register()
    if not bpy.app.background:
        # Preferences can be read, and a driver asked, once everything is registered.
        bpy.app.timers.register(setup_operators.look_for_the_first_time, first_interval=0.1)


def unregister() -> None:
    if bpy.app.timers.is_registered(setup_operators.look_for_the_first_time):
        bpy.app.timers.unregister(setup_operators.look_for_the_first_time)
    thumbnails.unregister()
    rendering.unregister()
    undo.unregister()
    curve.unregister()
    recent.unregister()
    settings.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
