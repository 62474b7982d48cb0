"""A small picture in a grid of them, of whatever was made or is being made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..scene import thumbnails

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

# Pixels, at a scale of 1: the unit that a layout scales a picture by, and what the picture's frame takes.
UNIT, FRAME = 20, 12
# By the kind, where there is no picture.
ICONS: dict[str, IconItems] = {"mesh": "MESH_MONKEY", "texture": "TEXTURE", "retexture": "MATERIAL"}


def draw_picture(column: bpy.types.UILayout, name: str, icon: IconItems, room: float) -> None:
    """The picture of this name, or as much room with an icon.

    Args:
        room: pixels, at a scale of 1, that it is wide.
    """
    picture = thumbnails.icon(name)
    scale = (room - FRAME) / UNIT
    if picture:
        column.template_icon(icon_value=picture, scale=scale)
    else:
        empty = column.row()
        empty.alignment = "CENTER"
        empty.scale_y = scale
        empty.label(text="", icon=icon)
