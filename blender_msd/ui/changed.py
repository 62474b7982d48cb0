"""Settings that differ from their defaults: each has a mark, which puts it back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from .settings import Settings


def is_changed(settings: Settings, name: str) -> bool:
    if not settings.is_property_set(name):
        return False
    about: Any = settings.bl_rna.properties[name]
    default = about.default_flag if getattr(about, "is_enum_flag", False) else about.default
    return bool(getattr(settings, name) != default)


def draw_setting(layout: bpy.types.UILayout, settings: Settings, name: str, kind: str) -> None:
    """A setting, and beside it, where it was changed, the mark."""
    row = layout.row(align=True)
    row.prop(settings, name)
    if is_changed(settings, name):
        draw_reset(row, [name], kind)


def draw_reset(layout: bpy.types.UILayout, names: Iterable[str], kind: str) -> None:
    """The mark of settings that were changed."""
    drawn: Any = layout.operator("msd.reset_setting", text="", icon="LOOP_BACK", emboss=False)
    drawn.kind, drawn.names = kind, ",".join(names)
