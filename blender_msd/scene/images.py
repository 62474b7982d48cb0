"""Pictures -> image datablocks, and onto the surfaces they were made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy

from ..core.arrays import Pixels, Png
from ..core.names import block_name
from . import editors, forming, materials, overwriting, provenance, slots, spans

PREVIEW_NAME = "MSD preview"


@dataclass(frozen=True)
class Target:
    """Where a picture goes.

    Attributes:
        object_uid: `session_uid` of the object that gets the material in its active slot; None makes only the image.
        repeat: how many times the picture fits along each axis.
        name: of the object, for people.
        others: `session_uid` of more objects that get the material.
        image_uid: `session_uid` of the image that is filled; None makes a new one.
        uv_layer: of the object, which the picture was made for; empty for a picture that repeats.
        everywhere: whether it goes into every material slot of the object, not the active one alone.
        slot: of the object's active material that takes the picture, one of `slots.SLOTS`; empty for a new material.
        width: of the picture on the surface, in scene units; 0 lets it fit `repeat` times.
    """

    object_uid: int | None
    repeat: float
    name: str = ""
    others: tuple[int, ...] = ()
    image_uid: int | None = None
    width: float = 0.0
    uv_layer: str = ""
    everywhere: bool = False
    slot: str = ""


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
    _show_in_editors(image, pixels.width, instead_of=None)
    obj = None if target.object_uid is None else find_surface(target.object_uid)
    if obj is not None:
        aspect = pixels.width / pixels.height
        forming.wear(obj, lambda: _looks(forming.NAME, image, obj, target, aspect), target.everywhere)
    return image


def remove_preview() -> None:
    forming.take_off()
    while image := provenance.find_preview(bpy.data.images):
        bpy.data.images.remove(image)


def place(
    png: Png,
    recipe: dict[str, Any],
    job_id: str,
    version: str,
    target: Target,
    maps: Mapping[str, Png] | None = None,
    is_watched: bool = True,
) -> tuple[bpy.types.Image, bpy.types.Material | None]:
    """The finished picture and its maps, packed, on a new Principled material. Replaces the preview; pushes no undo
    step.

    Args:
        is_watched: whether the preview is of this picture; else another one forms, which is left alone.

    Returns:
        The image and the material. When the objects are gone by now, the material is kept with a fake user.
    """
    name = block_name(recipe["prompt"], f" {recipe['seed']}")
    obj = None if target.object_uid is None or not target.slot else find_surface(target.object_uid)
    if obj is not None and slots.shader_of(obj) is not None:
        role = slots.SLOTS[target.slot]
        picture = png if not role else (maps or {})[role]
        return _place_in_slot(picture, name, recipe, job_id, version, target, obj, is_watched)
    filled = None if target.image_uid is None else overwriting.find(target.image_uid)
    image = overwriting.packed(name, png) if filled is None else overwriting.fill(filled, png)
    images = {
        role: overwriting.packed(block_name(recipe["prompt"], f" {recipe['seed']} {role}"), each)
        for role, each in _maps(maps)
    }
    for role, each in images.items():
        if role != "albedo":
            materials.hold_data(each)
    for each in (image, *images.values()):
        provenance.write(each, recipe, job_id, version)
    _take_over(image, png.width, is_watched)
    if target.object_uid is None or filled is not None:
        for each in (image, *images.values()):
            each.use_fake_user = True
        return image, None
    if "albedo" in images:
        image.use_fake_user = True
    objects = [obj for uid in (target.object_uid, *target.others) if (obj := find_surface(uid)) is not None]
    made: dict[tuple[bool, tuple[float, float]], bpy.types.Material] = {}
    wearers: Sequence[bpy.types.Object | None] = objects or [None]
    for obj in wearers:
        scale, _ = _scale(obj, target, png.width / png.height)
        looks = (obj is not None and spans.has_uv(obj), scale)
        if looks not in made:
            made[looks] = _looks(name, image, obj, target, png.width / png.height, images)
            provenance.write(made[looks], recipe, job_id, version)
        if obj is None:
            made[looks].use_fake_user = True
        else:
            forming.give(obj, made[looks], target.everywhere)
    return image, next(iter(made.values()))


def _place_in_slot(
    png: Png,
    name: str,
    recipe: dict[str, Any],
    job_id: str,
    version: str,
    target: Target,
    obj: bpy.types.Object,
    is_watched: bool,
) -> tuple[bpy.types.Image, bpy.types.Material]:
    image = overwriting.packed(name, png)
    provenance.write(image, recipe, job_id, version)
    _take_over(image, png.width, is_watched)
    scale, _ = _scale(obj, target, png.width / png.height)
    return image, slots.fill(obj, target.slot, image, target.uv_layer, scale)


def _take_over(image: bpy.types.Image, width: int, is_watched: bool) -> None:
    """Show a finished picture, `width` pixels wide, where its preview was shown."""
    _show_in_editors(image, width, instead_of=provenance.find_preview(bpy.data.images) if is_watched else None)
    if is_watched:
        remove_preview()


def _looks(
    name: str,
    image: bpy.types.Image,
    obj: bpy.types.Object | None,
    target: Target,
    aspect: float,
    maps: Mapping[str, bpy.types.Image] | None = None,
) -> bpy.types.Material:
    """The material by which an object shows the picture, whose width is `aspect` times its height."""
    if target.uv_layer:
        return materials.fitted_material(name, image, target.uv_layer)
    scale, width = _scale(obj, target, aspect)
    return materials.image_material(name, image, obj is not None and spans.has_uv(obj), scale, maps, width)


def _maps(maps: Mapping[str, Png] | None) -> list[tuple[str, Png]]:
    return sorted((maps or {}).items())


def _scale(obj: bpy.types.Object | None, target: Target, aspect: float) -> tuple[tuple[float, float], float]:
    return spans.repeats(1.0 if obj is None else spans.unit_span(obj), target.repeat, target.width, aspect)


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


def _show_in_editors(image: bpy.types.Image, width: int, instead_of: bpy.types.Image | None) -> None:
    """Show `image` in every Image Editor that is empty or shows the preview, unless it is pinned.

    Args:
        width: of `image`, in pixels; to ask the image itself would have Blender decode all of it here.
    """
    for area in editors.areas("IMAGE_EDITOR"):
        space = area.spaces.active
        assert isinstance(space, bpy.types.SpaceImageEditor)
        if not space.use_image_pin and space.image in (None, instead_of):
            before, zoom = space.image, space.zoom_percentage
            space.image = image
            if before is not None and before != image:
                # As large as the last one was shown, which had other pixels.
                space.zoom_percentage = zoom * before.size[0] / width
        area.tag_redraw()
