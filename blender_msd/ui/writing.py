"""Text in panels: Blender does not break lines by itself, and clips what is too long."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import blf
import bpy

from ..core.names import printable

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

# Pixels, at a scale of 1: the narrowest sidebar, what tabs and margins take of a line of it, and an icon with its gap.
NARROWEST, MARGINS, ICON = 280, 60, 28
# A box has margins of its own.
BOX = 16
DOTS = "…"


def draw_text(
    layout: bpy.types.UILayout, text: str, icon: IconItems = "NONE", most: int = 0, indent: int = 0, room: float = 0.0
) -> int:
    """Several narrow lines; the icon stands before the first one. Returns how many lines there are.

    Args:
        most: lines; what does not fit ends in dots. 0: as many as it takes.
        indent: pixels, at a scale of 1, that the layout is narrower than the sidebar.
        room: pixels, at a scale of 1, instead of what the sidebar has.
    """
    has_icon = icon != "NONE"
    lines = wrapped(printable(text), (room or sidebar()) - indent - (ICON if has_icon else 0), most)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(lines):
        column.label(text=line, icon="BLANK1" if has_icon and number else icon)
    return len(lines)


def sidebar() -> float:
    """Pixels, at a scale of 1, that a line of the sidebar which is being drawn has."""
    region = bpy.context.region
    return max(NARROWEST, region.width / _scale() if region is not None else 0) - MARGINS


def wrapped(text: str, room: float, most: int = 0) -> list[str]:
    """Lines that fit, broken between words.

    What is wider than a line alone is shortened in its middle when it is a path, and else broken anywhere.

    Args:
        room: pixels, at a scale of 1.
        most: lines; 0 means any number.
    """
    return list(_wrapped(text, room, most, _points()))


@lru_cache(maxsize=256)
def _wrapped(text: str, room: float, most: int, points: float) -> tuple[str, ...]:
    """Kept, because panels are drawn again and again. `points` tells apart what was measured in other sizes."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        first, *others = _pieces(word, room)
        if line and width(f"{line} {first}") > room:
            lines.append(line)
            line = ""
        line = f"{line} {first}" if line else first
        for piece in others:
            lines.append(line)
            line = piece
    lines += [line] if line else []
    if most and len(lines) > most:
        lines[most - 1 :] = [shortened(" ".join(lines[most - 1 :]), room)]
    return tuple(lines)


def shortened(text: str, room: float) -> str:
    """The longest beginning that fits, with dots behind it."""
    if width(text) <= room:
        return text
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if width(text[:middle] + DOTS) <= room else (least, middle - 1)
    return text[:least].rstrip() + DOTS


def width(text: str) -> float:
    """Pixels that a label takes, at a scale of 1."""
    return _measured(text, _points())


def _points() -> float:
    """How large the interface writes."""
    preferences = bpy.context.preferences
    return preferences.ui_styles[0].widget.points if preferences is not None and preferences.ui_styles else 11.0


@lru_cache(maxsize=4096)
def _measured(text: str, points: float) -> float:
    blf.size(0, points)
    measured: Any = blf  # whose results the stubs leave out
    return float(measured.dimensions(0, text)[0])


def _pieces(word: str, room: float) -> tuple[str, ...]:
    """A word, in as many pieces as it takes."""
    if width(word) <= room:
        return (word,)
    if "/" in word or "\\" in word:
        return (_without_middle(word, room),)
    pieces, piece = [], ""
    for char in word:
        if piece and width(piece + char) > room:
            pieces.append(piece)
            piece = ""
        piece += char
    return (*pieces, piece)


def _without_middle(path: str, room: float) -> str:
    """A path with dots in its middle: its end says more than its beginning."""
    least, most = 0, len(path)
    while least < most:
        kept = (least + most + 1) // 2
        least, most = (kept, most) if width(_ends(path, kept)) <= room else (least, kept - 1)
    return _ends(path, least)


def _ends(path: str, kept: int) -> str:
    head = kept // 3
    return path[:head] + DOTS + path[len(path) - (kept - head) :]


def _scale() -> float:
    preferences = bpy.context.preferences
    return preferences.system.ui_scale if preferences is not None and not bpy.app.background else 1.0
