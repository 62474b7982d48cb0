"""Pictures -> image datablocks, and onto the surfaces they were made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from ..core.arrays import Pixels, Png
from ..core.names import block_name
from . import editors, forming, materials, meshes, provenance

PREVIEW_NAME = "MSD preview"


@dataclass(frozen=True)
class Target:
    """Where a picture goes.

    Attributes:
        object_uid: `session_uid` of the object that gets the material in its active slot; None makes only the image.
        repeat: how many times the picture fits along each axis.
        name: of the object, for people.
    """

    object_uid: int | None
    repeat: float
    name: str = ""


def show_preview(pixels: Pixels, target: Target) -> bpy.types.Image:
    """Put a live picture into the preview image, and that onto the surface it is for; neither is packed or saved."""
    image = provenance.find_preview(bpy.data.images)
    if image is None:
        image = bpy.data.images.new(PREVIEW_NAME, pixels.width, pixels.height, alpha=True)
        provenance.mark_preview(image)
    if tuple(image.size) != (pixels.width, pixels.height):
        image.scale(pixels.width, pixels.height)
    image.pixels.foreach_set(pixels.values)  # type: ignore[attr-defined]  # an array, which the stubs call a number
    image.update()
    _show_in_editors(image, instead_of=None)
    obj = None if target.object_uid is None else find_surface(target.object_uid)
    if obj is not None:
        forming.wear(obj, image, _has_uv(obj), target.repeat)
    return image


def remove_preview() -> None:
    forming.take_off()
    while image := provenance.find_preview(bpy.data.images):
        bpy.data.images.remove(image)


def place(
    png: Png, recipe: dict[str, Any], job_id: str, version: str, target: Target
) -> tuple[bpy.types.Image, bpy.types.Material | None]:
    """The finished picture, packed, on a new Principled material. Replaces the preview; pushes no undo step.

    Returns:
        The image and the material. When the object is gone by now, the material is kept with a fake user.
    """
    name = block_name(recipe["prompt"], f" {recipe['seed']}")
    image = packed(name, png)
    provenance.write(image, recipe, job_id, version)
    _show_in_editors(image, instead_of=provenance.find_preview(bpy.data.images))
    remove_preview()
    if target.object_uid is None:
        image.use_fake_user = True
        return image, None
    obj = find_surface(target.object_uid)
    material = materials.image_material(name, image, obj is not None and _has_uv(obj), target.repeat)
    provenance.write(material, recipe, job_id, version)
    surface = materials_of(obj)
    if obj is None or surface is None:
        material.use_fake_user = True
    elif obj.material_slots:
        obj.material_slots[obj.active_material_index or 0].material = material
    else:
        surface.append(material)
    return image, material


def packed(name: str, png: Png) -> bpy.types.Image:
    """An image datablock that carries its own file."""
    image = bpy.data.images.new(name, png.width, png.height)
    # The file itself is packed: nothing is encoded again, and nothing is decoded before it is first seen.
    image.pack(data=png.data, data_len=len(png.data))  # type: ignore[arg-type]  # bytes, which the stubs call text
    image.source = "FILE"
    return image


def find_surface(session_uid: int) -> bpy.types.Object | None:
    """The object with this `session_uid`, if it still exists and may be given a material."""
    found = next((obj for obj in bpy.data.objects if obj.session_uid == session_uid), None)
    return found if takes_material(found) else None


def takes_material(obj: bpy.types.Object | None) -> bool:
    return materials_of(obj) is not None


def materials_of(obj: bpy.types.Object | None) -> bpy.types.IDMaterials | None:
    """The materials of an object's surface; None when it has no surface, or when a linked file owns it."""
    if obj is None or obj.data is None or obj.library is not None or obj.data.library is not None:
        return None
    return getattr(obj.data, "materials", None)


def _has_uv(obj: bpy.types.Object) -> bool:
    """Whether there is a UV map that a picture which repeats can use."""
    uv = obj.data.uv_layers.active if isinstance(obj.data, bpy.types.Mesh) else None
    return uv is not None and uv.name != meshes.UV


def _show_in_editors(image: bpy.types.Image, instead_of: bpy.types.Image | None) -> None:
    """Show `image` in every Image Editor that is empty or shows the preview, unless it is pinned."""
    for area in editors.areas("IMAGE_EDITOR"):
        space = area.spaces.active
        assert isinstance(space, bpy.types.SpaceImageEditor)
        if not space.use_image_pin and space.image in (None, instead_of):
            before = space.image
            space.image = image
            if before is not None and before != image and image.size[0]:
                _zoom(area, before.size[0] / image.size[0])
        area.tag_redraw()


def _zoom(area: bpy.types.Area, factor: float) -> None:
    """Let an Image Editor show its picture at the size that the last one had, which had other pixels."""
    space = area.spaces.active
    assert isinstance(space, bpy.types.SpaceImageEditor)
    region = next((region for region in area.regions if region.type == "WINDOW"), None)
    if region is None or factor == 1.0:
        return
    window = next(window for window in editors.windows() if area in window.screen.areas[:])
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.image.view_zoom_ratio(ratio=space.zoom[0] * factor)
