"""Objects in the scene: the live preview, and the finished object that takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..core.arrays import Mesh
from ..core.errors import Problem
from ..core.names import block_name
from . import assets, editors, images, materials, meshes, overwriting, provenance, replacing, view
from .present import present

COLLECTION = "Generated"
PREVIEW_COLLECTION = "Generated (preview)"
PREVIEW_MATERIAL = "MSD preview"


@dataclass(frozen=True)
class Place:
    """Where an object goes, as plain values: references would not survive undo.

    Attributes:
        location: of the object's base, in scene units.
        size: its longest side, in scene units.
        scene: the scene's name.
        instead_of: `session_uid` of the object whose place it takes; None replaces nothing.
        yaw: how far it is turned about the world's Z axis, in radians.
        collected: whether it goes into the collection COLLECTION; else into the one that is active.
        as_asset: whether it is marked as an asset.
    """

    location: tuple[float, float, float]
    size: float
    scene: str
    instead_of: int | None = None
    yaw: float = 0.0
    collected: bool = True
    as_asset: bool = False


def check_scene(scene: bpy.types.Scene) -> None:
    """Make sure that something can be put into a scene.

    Raises:
        Problem: "scene-linked".
    """
    if scene.library is not None:
        file = scene.library.filepath
        message = f"The scene {scene.name} is linked from {file} and can only be changed there."
        raise Problem("scene-linked", message, "Choose a scene of this file.")


def units(scene: bpy.types.Scene, metres: float) -> float:
    """A length in scene units, whatever one of those is said to be."""
    settings = scene.unit_settings
    return metres if settings.system == "NONE" else metres / settings.scale_length


def show_preview(arrays: Mesh, prompt: str, place: Place, is_new: bool = True) -> None:
    """Show a live mesh on the one preview object, which keeps the transform the user gave it. Pushes no undo step.

    While the user edits the preview object itself, nothing is replaced. One that was converted into something other
    than a mesh is the user's own from then on.

    Args:
        is_new: whether the viewports turn to it when it was not there; else it was, and nobody asked to see it.
    """
    obj = provenance.find_preview(bpy.data.objects)
    if obj is not None and obj.mode != "OBJECT":
        return
    if obj is not None and not isinstance(obj.data, bpy.types.Mesh):
        _give_to_user(obj, _scene(place))
        obj = None
    name = block_name(prompt, " preview")
    mesh = meshes.new_mesh(name, arrays, place.size)
    mesh.is_runtime_data = True
    mesh.materials.append(_preview_material())
    if obj is None:
        obj = bpy.data.objects.new(name, mesh)
        obj.location = place.location
        obj.rotation_euler.z = place.yaw
        provenance.mark_preview(obj)
        collection = _collection(_scene(place), PREVIEW_COLLECTION)
        collection.hide_render = True
        collection.is_runtime_data = True
        collection.objects.link(obj)
        if is_new:
            _bring_into_view(arrays, np.array(obj.matrix_basis), place)
    else:
        old, obj.data = obj.data, mesh
        assert isinstance(old, bpy.types.Mesh)
        bpy.data.meshes.remove(old)


def remove_preview(scene: bpy.types.Scene) -> None:
    """Remove the preview object and all that was made for it.

    One that the user is editing, or has converted into something other than a mesh, becomes the user's own.
    """
    while obj := provenance.find_preview(bpy.data.objects):
        mesh = obj.data
        if _is_the_users(obj) or not isinstance(mesh, bpy.types.Mesh):
            _give_to_user(obj, scene)
            continue
        bpy.data.objects.remove(obj)
        if mesh.users == 0:
            bpy.data.meshes.remove(mesh)
    for collection in [c for c in bpy.data.collections if c.name.startswith(PREVIEW_COLLECTION) and c.is_runtime_data]:
        if not collection.all_objects:
            bpy.data.collections.remove(collection)
    material = provenance.find_preview(bpy.data.materials)
    if material is not None and material.users == 0:
        bpy.data.materials.remove(material)


@dataclass(frozen=True)
class Stance:
    """How the preview object stands.

    Attributes:
        matrix: as its `matrix_basis`.
        is_active: whether it is the active object.
    """

    matrix: Matrix
    is_active: bool


def take_preview_away() -> Stance | None:
    """Remove the preview object and all that was made for it, but no object that is the user's own by now.

    Returns:
        How it stood; None when there was none.
    """
    obj = provenance.find_preview(bpy.data.objects)
    if obj is None or _is_the_users(obj):
        return None
    stance = Stance(obj.matrix_basis.copy(), obj == present(bpy.context.view_layer).objects.active)
    remove_preview(present(bpy.context.scene))
    return stance


def _is_the_users(obj: bpy.types.Object) -> bool:
    """Whether the preview object is edited by the user, or was converted into something other than a mesh."""
    return obj.mode != "OBJECT" or not isinstance(obj.data, bpy.types.Mesh)


def set_preview_back(matrix: Matrix, is_active: bool) -> None:
    """Let the preview object stand as it stood; see `Stance`."""
    obj = provenance.find_preview(bpy.data.objects)
    layer = present(bpy.context.view_layer)
    if obj is None:
        return
    obj.matrix_basis = matrix
    if not is_active:
        return
    layer.update()  # else it is not in the view layer yet
    if obj.name in layer.objects:
        obj.select_set(True, view_layer=layer)
        layer.objects.active = obj


def place(
    arrays: Mesh,
    recipe: dict[str, Any],
    job_id: str,
    version: str,
    place: Place,
    is_watched: bool = True,
    is_wanted: bool = True,
) -> bpy.types.Object:
    """The finished object, in the place of the preview if there is one. Pushes no undo step.

    It is selected and active, unless the user is in another mode and would be thrown out of it.

    Args:
        is_watched: whether the preview is of this object; else another one forms, which is left alone.
        is_wanted: whether the user waits for it; else neither what is selected nor the view is touched.
    """
    title = block_name(recipe["prompt"])
    scene = _scene(place)
    preview = provenance.find_preview(bpy.data.objects) if is_watched else None
    transform = None
    if preview is not None:
        present(bpy.context.view_layer).update()  # else a transform that was just set is not in the matrix yet
        transform = preview.matrix_world.copy()
    if is_watched:
        remove_preview(scene)
    mesh = meshes.new_mesh(title, arrays, place.size)
    mesh.materials.append(_material(recipe["prompt"], arrays))
    obj = bpy.data.objects.new(title, mesh)
    provenance.write(obj, recipe, job_id, version)
    _home(scene, place).objects.link(obj)
    replaced = None if place.instead_of is None else replacing.find(place.instead_of)
    if transform is None or replaced is not None:
        obj.location = place.location
        obj.rotation_euler.z = place.yaw
    else:
        obj.matrix_world = transform
    if replaced is not None:
        replacing.take_over(obj, replaced)
    if is_wanted:
        _bring_into_view(arrays, np.array(obj.matrix_basis), place)
    if is_wanted and scene == bpy.context.scene and bpy.context.mode == "OBJECT":
        _select_only(obj)
    if place.as_asset:
        assets.mark(obj)
    return obj


def _select_only(obj: bpy.types.Object) -> None:
    layer = present(bpy.context.view_layer)
    # The collection may be excluded from this view layer: then there is nothing to select.
    if obj.name not in layer.objects:
        return
    for other in layer.objects.selected:
        other.select_set(False, view_layer=layer)
    obj.select_set(True, view_layer=layer)
    layer.objects.active = obj


def _give_to_user(obj: bpy.types.Object, scene: bpy.types.Scene) -> None:
    # Linked first: an object without a collection would be thrown out of the mode that it is edited in.
    left = obj.users_collection
    _collection(scene, COLLECTION).objects.link(obj)
    for collection in left:
        collection.objects.unlink(obj)
    for block in (obj, obj.data, *(images.materials_of(obj) or ())):
        if block is None:  # an empty, or an empty slot
            continue
        block.is_runtime_data = False
        if provenance.PREVIEW in block:
            del block[provenance.PREVIEW]


def _material(prompt: str, arrays: Mesh) -> bpy.types.Material:
    if arrays.maps is None:
        return materials.colour_attribute_material(block_name(prompt))
    albedo = overwriting.packed(block_name(prompt, " albedo"), arrays.maps.albedo)
    normal = overwriting.packed(block_name(prompt, " normal"), arrays.maps.normal)
    return materials.baked_material(block_name(prompt), albedo, normal)


def _preview_material() -> bpy.types.Material:
    material = provenance.find_preview(bpy.data.materials)
    if material is None:
        material = materials.colour_attribute_material(PREVIEW_MATERIAL)
        provenance.mark_preview(material)
    return material


def _layer_of(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The view layer that a window shows of a scene; else the scene's first."""
    shown = next((window.view_layer for window in editors.windows() if window.scene == scene), None)
    return shown or scene.view_layers[0]


def _scene(place: Place) -> bpy.types.Scene:
    return bpy.data.scenes.get(place.scene) or present(bpy.context.scene)


def _home(scene: bpy.types.Scene, place: Place) -> bpy.types.Collection:
    """Where a finished object is kept."""
    if place.collected:
        return _collection(scene, COLLECTION)
    active = present(bpy.context.collection) if scene == bpy.context.scene else scene.collection
    return scene.collection if active.library is not None else active


def _bring_into_view(arrays: Mesh, matrix: NDArray[np.float64], place: Place) -> None:
    """Let the viewports show the middle of a mesh whose object has this `matrix`.

    It is not asked of the object: to bring a new one up to date has Blender look at the whole scene, in this turn.
    """
    middle = (arrays.position.min(0) + arrays.position.max(0)) / 2 * place.size
    x, y, z = (float(axis) for axis in matrix[:3, :3] @ middle + matrix[:3, 3])
    view.frame_unless_seen(_scene(place), (x, y, z), place.size)


def _collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    """The scene's collection of that name; a new one when it is a library's, or is not shown."""
    layers = _layer_of(scene).layer_collection.children
    shown = [child.collection for child in layers if child.is_visible and not child.exclude]
    named = [child for child in scene.collection.children if child.name.split(".")[0] == name]
    found = next((child for child in named if child.library is None and child in shown), None)
    if found is None:
        found = bpy.data.collections.new(name)
        scene.collection.children.link(found)
    return found
