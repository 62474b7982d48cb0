"""Objects that were made here: which they are, and what can be done to them."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.errors import Problem
from . import provenance

# On an object that was derived from another one: what it is of it, "LOD" or "HULL".
PART = "msd_part"


def is_ours(obj: bpy.types.Object | None) -> bool:
    """Whether it was made from a prompt, and is no preview."""
    if obj is None or not isinstance(obj.data, bpy.types.Mesh) or provenance.is_preview(obj):
        return False
    kept: Any = obj
    return "msd_recipe" in kept


def check(obj: bpy.types.Object | None) -> bpy.types.Object:
    """The object, if it was made here and may be changed.

    Raises:
        Problem: "object-not-ours", "object-linked", "object-in-use".
    """
    if obj is None or not is_ours(obj):
        what = "Nothing is active." if obj is None else f"{obj.name} was not made from a prompt here."
        raise Problem("object-not-ours", what, "Select an object that Generate made.")
    if obj.library is not None or (obj.data is not None and obj.data.library is not None):
        hint = "Make it local first: Object, Relations, Make Local."
        raise Problem("object-linked", f"{obj.name} belongs to a linked file.", hint)
    if obj.mode != "OBJECT":
        raise Problem("object-in-use", f"{obj.name} is being edited.", "Leave Edit Mode (Tab) first.")
    return obj


def parts_of(obj: bpy.types.Object, part: str = "") -> list[bpy.types.Object]:
    """What was derived from an object and hangs below it; of one sort, or all."""
    found = []
    for child in obj.children:
        kept: Any = child
        if kept.get(PART) and part in ("", kept[PART]):
            found.append(child)
    return sorted(found, key=lambda each: each.name)
