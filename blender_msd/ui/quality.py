"""The three qualities, each with the time that it takes on this computer, as far as that was measured."""

from __future__ import annotations

import bpy

from .. import bridge
from ..core.offer import in_words
from . import texts
from .models import chosen_model
from .preferences import has_own_server
from .settings import Settings
from .writing import sidebar, width

PRESETS = ("SKETCH", "STANDARD", "FINE")
# Pixels, at a scale of 1, around a label.
PADDING = 8


def draw_quality(layout: bpy.types.UILayout, settings: Settings, kind: str) -> None:
    """The buttons in a row, and below each its time; the room for it is there while none is known, so that nothing
    moves when one is."""
    times = {preset: in_words(seconds) for preset in PRESETS if (seconds := expected(settings, kind, preset))}
    room = sidebar() / len(PRESETS) - PADDING
    about = "about " if all(width(f"about {time}") <= room for time in times.values()) else ""
    row = layout.row(align=True)
    for preset in PRESETS:
        column = row.column(align=True)
        column.prop_enum(settings, "preset", preset)
        below = column.row()
        below.alignment = "CENTER"
        below.label(text=f"{about}{times[preset]}" if preset in times else "")


def shorter_side(settings: Settings) -> int:
    """Of a texture, in pixels; 0 of anything else."""
    return min(getattr(settings, "width", 0), getattr(settings, "height", 0))


def expected(settings: Settings, kind: str, preset: str) -> float | None:
    """Seconds that a preset takes; None while nothing was measured.

    By the jobs that the server did with this model, else by the set-up's test run, which was with the model that is
    used when none is chosen.
    """
    link = bridge.current()
    model = chosen_model(settings)
    seconds = None if model is None else model.seconds(kind, preset.lower(), shorter_side(settings))
    if seconds is not None:
        return seconds
    is_default = model.name == link.offer.default if model is not None else not texts.text(settings, "prior").strip()
    measured = {} if has_own_server() or not is_default else bridge.installer().state.times
    return measured.get(kind, {}).get(preset.lower())
