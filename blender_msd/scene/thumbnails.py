"""Small pictures that panels show, by the ids of the results that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

# Blender's own collection of previews; None while the add-on is disabled.
_pictures: Any = None


def register() -> None:
    global _pictures
    _pictures = bpy.utils.previews.new()


def unregister() -> None:
    global _pictures
    bpy.utils.previews.remove(_pictures)
    _pictures = None


def load(name: str, file: Path) -> None:
    """Let Blender read a picture as soon as it is drawn."""
    if _pictures is not None and name not in _pictures:
        _pictures.load(name, str(file), "IMAGE")


def forget(name: str) -> None:
    if _pictures is not None and name in _pictures:
        del _pictures[name]


def icon(name: str) -> int:
    """The number of its icon; 0 while there is none."""
    found = _pictures.get(name) if _pictures is not None else None
    return 0 if found is None else int(found.icon_id)
