"""A picture that forms, on the surface that it is for: a material for the time of the job, and what it covers up."""

from __future__ import annotations

from typing import Any

import bpy

from . import materials, provenance

NAME = "MSD preview picture"
# On the preview material: the material that it stands in for; absent when there was none.
COVERED = "msd_covered"
# On the preview material: whether its slot was made for it.
ADDED = "msd_added"


def wear(obj: bpy.types.Object, image: bpy.types.Image, has_uv: bool, scale: tuple[float, float]) -> None:
    """Show the preview picture in the active slot of an object, unless it wears it already."""
    if any(_is_preview(slot.material) for slot in obj.material_slots) or not obj.data:
        return
    take_off()
    material = materials.image_material(NAME, image, has_uv, scale)
    provenance.mark_preview(material)
    put_on(obj, material)


def give(obj: bpy.types.Object, material: bpy.types.Material) -> None:
    """Put a material into the active slot of an object, which gets a slot when it has none."""
    if obj.material_slots:
        obj.material_slots[obj.active_material_index or 0].material = material
    else:
        surface: Any = obj.data
        surface.materials.append(material)


def put_on(obj: bpy.types.Object, material: bpy.types.Material) -> None:
    if obj.material_slots:
        slot = obj.material_slots[obj.active_material_index or 0]
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
