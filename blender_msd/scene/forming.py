"""A picture that forms, on the surface that it is for: a material for the time of the job, and what it covers up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy

from . import provenance

NAME = "MSD preview picture"
# On the preview material: the material that it stands in for; absent when there was none.
COVERED = "msd_covered"
# On the preview material: whether its slot was made for it.
ADDED = "msd_added"


def wear(obj: bpy.types.Object, make: Callable[[], bpy.types.Material], everywhere: bool = False) -> None:
    """Show the preview picture in the active slot of an object, or in every one, unless it wears it already.

    Args:
        make: a new material, called NAME, that shows it.
    """
    if any(_is_preview(slot.material) for slot in obj.material_slots) or not obj.data:
        return
    take_off()
    slots: list[bpy.types.MaterialSlot | None] = [*_slots(obj, everywhere)]
    for slot in slots or [None]:
        # One for each slot: it knows what it covers up.
        material = make()
        provenance.mark_preview(material)
        put_on(obj, slot, material)


def give(obj: bpy.types.Object, material: bpy.types.Material, everywhere: bool = False) -> None:
    """Put a material into the active slot of an object, or into every one; it gets a slot when it has none."""
    for slot in _slots(obj, everywhere):
        slot.material = material
    if not obj.material_slots:
        surface: Any = obj.data
        surface.materials.append(material)


def _slots(obj: bpy.types.Object, everywhere: bool) -> list[bpy.types.MaterialSlot]:
    slots = list(obj.material_slots)
    return slots if everywhere else slots[obj.active_material_index or 0 :][:1]


def put_on(obj: bpy.types.Object, slot: bpy.types.MaterialSlot | None, material: bpy.types.Material) -> None:
    if slot is not None:
        if slot.material is not None:
            material[COVERED] = slot.material
        slot.material = material
    else:
        surface: Any = obj.data
        surface.materials.append(material)
        material[ADDED] = True


def take_off() -> None:
    """Give every object back what the preview picture covers up."""
    if not any(_is_preview(each) for each in bpy.data.materials):
        return  # without a look at every object
    for obj in bpy.data.objects:
        for slot in obj.material_slots:
            material = slot.material
            if not _is_preview(material) or material is None:
                continue
            kept: Any = material  # its custom properties
            slot.material = kept.get(COVERED)
            if kept.get(ADDED) and len(obj.material_slots) == 1 and obj.data is not None:
                surface: Any = obj.data
                surface.materials.clear()
                break
    for material in [each for each in bpy.data.materials if _is_preview(each)]:
        bpy.data.materials.remove(material)


def _is_preview(material: bpy.types.Material | None) -> bool:
    return material is not None and provenance.is_preview(material) and material.name.split(".")[0] == NAME
