"""Text in panels: Blender does not break lines by itself."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

import bpy

from ..core.names import printable

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

# Characters that fit into a sidebar of the usual width, without and with an icon before them.
WRAP, WRAP_BEHIND_ICON = 36, 31


def draw_text(layout: bpy.types.UILayout, text: str, icon: IconItems = "NONE") -> None:
    """Several narrow lines; the icon stands before the first one."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    has_icon = icon != "NONE"
    for number, line in enumerate(_wrap(printable(text), WRAP_BEHIND_ICON if has_icon else WRAP)):
        column.label(text=line, icon="BLANK1" if has_icon and number else icon)


def _wrap(text: str, width: int) -> list[str]:
    """Lines that fit, where a Chinese character is as wide as two letters."""
    filled = "".join(f"{char}\0" if unicodedata.east_asian_width(char) in "WF" else char for char in text)
    return [line.replace("\0", "") for line in textwrap.wrap(filled, width)]
