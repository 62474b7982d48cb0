"""Undo restores the scene, and not the seed that the panel shows: it tells which one made the last result."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core.kinds import KINDS
from . import settings

# By scene and kind, between the beginning of an undo and its end.
_seeds: dict[tuple[str, str], int] = {}


@persistent
def _before(*_: Any) -> None:
    _seeds.clear()
    for scene in bpy.data.scenes:
        for kind in KINDS:
            _seeds[scene.name, kind] = settings.settings_for(scene, kind).seed


@persistent
def _after(*_: Any) -> None:
    for (name, kind), seed in _seeds.items():
        scene = bpy.data.scenes.get(name)
        if scene is None or scene.library is not None:
            continue
        found = settings.settings_for(scene, kind)
        if found.seed != seed:
            found.seed = seed


def _handlers() -> list[tuple[list[Any], Any]]:
    of = bpy.app.handlers
    return [(of.undo_pre, _before), (of.redo_pre, _before), (of.undo_post, _after), (of.redo_post, _after)]


def register() -> None:
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister() -> None:
    for handlers, handler in _handlers():
        handlers.remove(handler)
