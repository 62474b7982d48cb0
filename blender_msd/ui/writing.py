"""Text in panels: Blender does not break lines by itself."""

from __future__ import annotations

import textwrap

import bpy

# Characters that fit into a sidebar of the usual width, without and with an icon before them.
WRAP, WRAP_BEHIND_ICON = 36, 31


def draw_text(layout: bpy.types.UILayout, text: str, icon: str = "NONE") -> None:
    """Several narrow lines; the icon stands before the first one."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    has_icon = icon != "NONE"
    for number, line in enumerate(textwrap.wrap(text, WRAP_BEHIND_ICON if has_icon else WRAP)):
        column.label(text=line, icon="BLANK1" if has_icon and number else icon)
