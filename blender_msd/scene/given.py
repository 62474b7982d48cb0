"""An object's mesh, as the viewport shows it, with its active UV layer -> arrays. Nothing of it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.errors import Problem
from ..core.given import Given, placed
from ..core.limits import MOST_GIVEN_FACES
from . import pictures
from .present import present

Faces = Literal["ALL", "SLOT", "SELECTED"]


def check(obj: bpy.types.Object | None) -> bpy.types.Mesh:
    """The mesh of an object that can be textured, without looking at its faces.

    Raises:
        Problem: "mesh-needed", "object-linked", "mesh-without-uvs", "image-tiled".
    """
    if obj is None or not isinstance(obj.data, bpy.types.Mesh):
        what = "Nothing is active." if obj is None else f"{obj.name} is no mesh."
        hint = "Select one mesh; other surfaces, and instances, become one by Object, Convert, Mesh."
        raise Problem("mesh-needed", what, hint)
    if obj.library is not None or obj.data.library is not None:
        hint = "Make it local first: Object, Relations, Make Local."
        raise Problem("object-linked", f"{obj.name} belongs to a linked file, and takes no material here.", hint)
    if obj.data.uv_layers.active is None:
        hint = "Make one (Smart UV Project), or unwrap it by hand: the texture goes onto it."
        raise Problem("mesh-without-uvs", f"{obj.name} has no UV layer.", hint)
    picture = pictures.of_surface(obj)
    if picture is not None and picture.source == "TILED":
        hint = "Use a material with one picture; UDIM tiles cannot be filled yet."
        raise Problem("image-tiled", f"The texture of {obj.name} is made of UDIM tiles.", hint)
    return obj.data


def gather(context: bpy.types.Context, obj: bpy.types.Object, faces: Faces) -> Given:
    """The mesh behind its modifiers and shape keys, where it stands in the scene.

    Args:
        faces: that are to be textured: all, those of the active material slot, or those that are selected.

    Raises:
        Problem: as `check`; "mesh-empty", "mesh-too-large".
    """
    base = check(obj)
    layer = present(base.uv_layers.active).name
    with _evaluated(context, obj) as mesh:
        count = len(mesh.loops) - 2 * len(mesh.polygons)
        if not len(mesh.polygons):
            hint = "Give it faces; instances become some by Realize Instances."
            raise Problem("mesh-empty", f"{obj.name} shows no faces.", hint)
        if count > MOST_GIVEN_FACES:
            said = f"{obj.name} has {count:,} triangles, and {MOST_GIVEN_FACES:,} are the most."
            raise Problem("mesh-too-large", said, "Use fewer faces: lower the Subdivision, or add a Decimate modifier.")
        if mesh.uv_layers.get(layer) is None:
            hint = "Let its modifiers keep the UV layer, or turn them off for the viewport."
            raise Problem("mesh-without-uvs", f"The modifiers of {obj.name} leave no UV layer {layer!r}.", hint)
        found = _arrays(mesh, layer)
        chosen = _chosen(mesh, obj, faces)[found["polygon"]]
    if not chosen.any():
        said = "No face is selected." if faces == "SELECTED" else "The active material slot has no faces."
        raise Problem("mesh-empty", said, "Select some in Edit Mode, or choose All Faces.")
    position, normal, mirrors = placed(found["position"], found["normal"], np.array(obj.matrix_world, np.float64))
    # The order of the corners turns a face inside out.
    order = slice(None, None, -1 if mirrors else 1)
    return Given(
        position,
        np.ascontiguousarray(found["triangle"][:, order]),
        np.ascontiguousarray(found["uv"][:, order]),
        None if normal is None else np.ascontiguousarray(normal.reshape(-1, 3, 3)[:, order]),
        chosen,
        None if chosen.all() else pictures.pixels(obj),
        tuple(_notes(obj, base)),
    )


@contextmanager
def _evaluated(context: bpy.types.Context, obj: bpy.types.Object) -> Iterator[bpy.types.Mesh]:
    if obj.mode == "EDIT":
        obj.update_from_editmode()
    seen = obj.evaluated_get(context.evaluated_depsgraph_get())
    mesh = seen.to_mesh()
    try:
        mesh.calc_loop_triangles()
        yield mesh
    finally:
        seen.to_mesh_clear()


def _arrays(mesh: bpy.types.Mesh, layer: str) -> dict[str, NDArray[Any]]:
    def taken(collection: Any, name: str, count: int, kind: type = np.float32) -> NDArray[Any]:
        values: NDArray[Any] = np.empty(count, kind)
        collection.foreach_get(name, values)
        return values

    triangles, corners = len(mesh.loop_triangles), len(mesh.loops)
    loops = taken(mesh.loop_triangles, "loops", 3 * triangles, np.int32)
    uv = taken(mesh.uv_layers[layer].uv, "vector", 2 * corners).reshape(-1, 2)
    normal = taken(mesh.corner_normals, "vector", 3 * corners).reshape(-1, 3)
    return {
        "position": taken(mesh.vertices, "co", 3 * len(mesh.vertices)).reshape(-1, 3),
        "triangle": taken(mesh.loop_triangles, "vertices", 3 * triangles, np.int32).reshape(-1, 3),
        "uv": uv[loops].reshape(-1, 3, 2),
        "normal": normal[loops],
        "polygon": taken(mesh.loop_triangles, "polygon_index", triangles, np.int32),
    }


def _chosen(mesh: bpy.types.Mesh, obj: bpy.types.Object, faces: Faces) -> NDArray[np.bool_]:
    """bool [polygons]."""
    count = len(mesh.polygons)
    if faces == "ALL":
        return np.ones(count, bool)
    if faces == "SELECTED":
        selected = np.empty(count, bool)
        mesh.polygons.foreach_get("select", selected)
        return selected
    slot = np.empty(count, np.int32)
    mesh.polygons.foreach_get("material_index", slot)
    shown: NDArray[np.bool_] = np.minimum(slot, max(0, len(obj.material_slots) - 1)) == (obj.active_material_index or 0)
    return shown


def _notes(obj: bpy.types.Object, mesh: bpy.types.Mesh) -> Iterator[str]:
    if mesh.users > 1:
        yield f"{mesh.users} objects share this mesh; all of them show the texture."
    if mesh.shape_keys is not None:
        yield "It is textured in the shape that its keys give it now."
    if any(modifier.show_viewport for modifier in obj.modifiers):
        yield "It is textured as its modifiers show it now."
