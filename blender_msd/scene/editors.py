"""The editors that are open in Blender's windows."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .present import present


def windows() -> Iterator[bpy.types.Window]:
    yield from present(bpy.context.window_manager).windows


def areas(*kinds: str) -> Iterator[bpy.types.Area]:
    """Every area of these kinds ("VIEW_3D", "IMAGE_EDITOR" and so on), in every window."""
    for window in windows():
        for area in window.screen.areas:
            if area.type in kinds:
                yield area


def redraw_sidebars() -> None:
    """Redraw the sidebars only: a whole viewport costs far more."""
    for area in areas("VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR"):
        for region in area.regions:
            if region.type == "UI":
                region.tag_redraw()
