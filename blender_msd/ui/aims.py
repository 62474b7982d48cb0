"""Where a result will go, taken from the context, and why it cannot go there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import bpy

from .. import bridge
from ..core import checks
from ..core.errors import Problem
from ..scene import given, images, overwriting, pictures, placement, replacing, room, slots, sources
from ..scene.images import Target
from ..scene.placement import Place
from ..scene.present import present
from .properties import SLOT_NAMES
from .values import Values


def aim(context: bpy.types.Context, values: Values, kind: str) -> Place | Target:
    """A place for a "mesh", a target for a "texture" or a "retexture".

    Raises:
        Problem: as `place`, `target` and `surface`.
    """
    if kind == "mesh":
        return place(context, values)
    return target(context, values) if kind == "texture" else surface(context, values)


def place(context: bpy.types.Context, values: Values | Mapping[str, Any]) -> Place:
    """Where an object goes: at the cursor, beside what stands there or will, or at the world's origin.

    Raises:
        Problem: "scene-linked"; "value-out-of-range", for a size or a cursor; as `replacing.check`.
    """
    scene = present(context.scene)
    placement.check_scene(scene)
    size = placement.units(scene, values["size"])
    wishes = {"collected": values["collected"], "as_asset": values["as_asset"]}
    if values["place"] == "SELECTED":
        old = replacing.check(context.object, context.selected_objects)
        stands = replacing.footprint(old)
        return Place(stands.base, stands.size, scene.name, old.session_uid, stands.yaw, **wishes)
    if values["place"] == "ORIGIN":
        return Place((0.0, 0.0, 0.0), size, scene.name, **wishes)
    cursor = scene.cursor.location.to_tuple()
    checks.place("The 3D cursor", cursor)
    if values["place"] == "BESIDE":
        reserved = [(each.location, each.size) for each in bridge.current().reserved(scene.name)]
        cursor = room.free_spot(present(context.view_layer), cursor, size, reserved)
    return Place(cursor, size, scene.name, **wishes)


def target(context: bpy.types.Context, values: Values) -> Target:
    """What a picture goes on: by itself only an image when nothing is selected.

    Raises:
        Problem: "nothing-to-cover", "nothing-to-fill".
    """
    apply, repeat = values["apply"], values["repeat"]
    width = placement.units(present(context.scene), values["real_width"])
    slot = SLOT_NAMES[values["slot"]]
    if apply == "THIS":
        image = image_of(context)
        if image is None or not overwriting.can_be_filled(image):
            hint = "Open an image of this file in the Image Editor, or choose Image Only."
            raise Problem("nothing-to-fill", "There is no image here that can be filled.", hint)
        return Target(None, repeat, image.name, image_uid=image.session_uid)
    if apply == "IMAGE" or nothing_selected(context):
        return Target(None, repeat)
    # Asked for while the panel is drawn, where there may be thousands.
    selected = [obj for obj in context.selected_objects if images.takes_material(obj)] if apply == "SELECTED" else []
    obj = context.object
    if apply == "SLOT" and obj is not None and images.takes_material(obj):
        return replace(_slot(obj, slot), repeat=repeat, width=width)
    if selected:
        obj = obj if obj in selected else selected[0]
    if obj is None or not images.takes_material(obj):
        hint = "Select an object with a surface, or choose Image Only."
        raise Problem("nothing-to-cover", "The active object takes no material.", hint)
    others = tuple(other.session_uid for other in selected if other != obj)
    return Target(obj.session_uid, repeat, obj.name, others, None, width)


def surface(context: bpy.types.Context, values: Values) -> Target:
    """The mesh that is textured.

    Raises:
        Problem: "objects-several", "nothing-to-fill"; as `given.check`.
    """
    meshes = [obj for obj in context.selected_objects if isinstance(obj.data, bpy.types.Mesh)]
    if len(meshes) > 1:
        hint = "Select one of them, or join them first (Ctrl J), with one UV layer for all."
        raise Problem("objects-several", f"{len(meshes)} meshes are selected.", hint)
    obj = context.object
    mesh = given.check(obj)
    obj, layer = present(obj), present(mesh.uv_layers.active).name
    everywhere = values["faces"] == "ALL"
    if values["apply"] == "MATERIAL":
        return Target(obj.session_uid, 1.0, obj.name, uv_layer=layer, everywhere=everywhere)
    if values["apply"] == "SLOT":
        return replace(_slot(obj, "Base Color"), uv_layer=layer)
    image = pictures.of_surface(obj)
    if image is None or not overwriting.can_be_filled(image):
        hint = "Give it an Image Texture in Base Color, or choose New Material."
        raise Problem("nothing-to-fill", "The active material has no picture that can be filled.", hint)
    uid = image.session_uid
    return Target(obj.session_uid, 1.0, obj.name, image_uid=uid, uv_layer=layer, everywhere=everywhere)


def _slot(obj: bpy.types.Object, slot: str) -> Target:
    if slots.shader_of(obj) is None:
        hint = "Give it a material of this file with a Principled BSDF, or choose New Material."
        raise Problem("nothing-to-fill", f"The active material of {obj.name} has no {slot}.", hint)
    return Target(obj.session_uid, 1.0, obj.name, slot=slot)


def nothing_selected(context: bpy.types.Context) -> bool:
    """Whether no object is selected, and none is active that would take a material."""
    return not context.selected_objects and not images.takes_material(context.object)


def image_of(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image that the Image Editor shows in which the context is; None elsewhere."""
    space = context.space_data
    return space.image if isinstance(space, bpy.types.SpaceImageEditor) else None


def check(values: Values, kind: str) -> None:
    """Make sure, without looking at the whole scene, that a result would have somewhere to go.

    Raises:
        Problem: as `aim`, except for a cursor, and as `sources.check`.
    """
    if kind == "mesh":
        placement.check_scene(present(bpy.context.scene))
        if values["place"] == "SELECTED":
            replacing.check(bpy.context.object, bpy.context.selected_objects)
    else:
        aim(bpy.context, values, kind)
    if kind == "texture":
        sources.check(values["source"], values["part"], values["mask"])
