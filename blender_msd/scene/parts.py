"""What is derived from a finished object: fewer faces, levels of detail, and a hull to collide with."""

from __future__ import annotations

from typing import Any

import bmesh
import bpy
import numpy as np

from ..core.names import block_name
from . import owned
from .present import present


def reduce(obj: bpy.types.Object, faces: int) -> int:
    """Give an object fewer triangles, with its colours, UVs and material; returns how many it has then.

    One that has no more already is left as it is.
    """
    mesh = _fewer(obj, faces)
    if mesh is not None:
        give(obj, mesh)
    return triangles(obj)


def make_lods(obj: bpy.types.Object, levels: int, ratio: float) -> list[bpy.types.Object]:
    """Copies with ever fewer faces, `ratio` of the level before, as NAME_LOD1 and so on; older ones go.

    They hang below the object, share its material, and are hidden, because they lie in the same place.
    """
    remove(obj, "LOD")
    count = triangles(obj)
    made = []
    for level in range(1, levels + 1):
        mesh = _fewer(obj, max(4, round(count * ratio**level))) or _seen(obj)
        made.append(_part(obj, mesh, block_name(obj.name, f"_LOD{level}"), "LOD"))
    return made


def make_hull(obj: bpy.types.Object, faces: int) -> bpy.types.Object:
    """A convex mesh of an object, as UCX_NAME: what game engines let things collide with. An older one goes.

    Args:
        faces: the most triangles that it may have, 4 at least; the fewer, the more of the object sticks out of it.
    """
    remove(obj, "HULL")
    mesh = _seen(obj)
    mesh.materials.clear()
    _wrap(mesh, faces // 2 + 2)  # which many corners a convex body of so many triangles has
    hull = _part(obj, mesh, block_name(f"UCX_{obj.name}"), "HULL")
    hull.display_type = "WIRE"
    return hull


def triangles(obj: bpy.types.Object) -> int:
    """Of an object's own mesh."""
    mesh = _mesh(obj)
    return len(mesh.loops) - 2 * len(mesh.polygons)


def remove(obj: bpy.types.Object, part: str) -> None:
    """Remove what was derived from an object, of one sort."""
    for each in owned.parts_of(obj, part):
        mesh = _mesh(each)
        bpy.data.objects.remove(each)
        if not mesh.users:
            bpy.data.meshes.remove(mesh)


def _part(obj: bpy.types.Object, mesh: bpy.types.Mesh, name: str, part: str) -> bpy.types.Object:
    mesh.name = name
    made = bpy.data.objects.new(name, mesh)
    kept: Any = made
    kept[owned.PART] = part
    made.parent = obj
    made.hide_render = True
    for collection in obj.users_collection:
        collection.objects.link(made)
    made.hide_set(True)
    return made


def _wrap(mesh: bpy.types.Mesh, corners: int) -> None:
    """Replace a mesh by the convex hull of those of its vertices that lie farthest out, at most so many."""
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    position = flat.reshape(-1, 3)
    # Evenly over the sphere (a spiral by the golden angle): collapsed edges would grow beyond the object.
    height = 1 - (2 * np.arange(corners) + 1) / corners
    angle = np.pi * (3 - 5**0.5) * np.arange(corners)
    radius = np.sqrt(1 - height**2)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), height])
    outermost = np.unique((position @ directions.astype(np.float32)).argmax(0))
    shape = bmesh.new()
    for x, y, z in position[outermost].tolist():
        shape.verts.new((x, y, z))
    bmesh.ops.convex_hull(shape, input=shape.verts[:], use_existing_faces=False)
    bmesh.ops.recalc_face_normals(shape, faces=shape.faces[:])
    mesh.clear_geometry()
    shape.to_mesh(mesh)
    shape.free()


def _fewer(obj: bpy.types.Object, faces: int) -> bpy.types.Mesh | None:
    """A mesh of at most so many triangles that looks like the object; None when it has no more than that."""
    count = triangles(obj)
    if count <= faces:
        return None
    modifier = obj.modifiers.new("MSD faces", "DECIMATE")
    assert isinstance(modifier, bpy.types.DecimateModifier)
    modifier.ratio = faces / count
    modifier.use_collapse_triangulate = True
    mesh = _seen(obj)
    obj.modifiers.remove(modifier)
    return mesh


def _seen(obj: bpy.types.Object) -> bpy.types.Mesh:
    """A new mesh: the object as its modifiers show it."""
    present(bpy.context.view_layer).update()
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(obj.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph)
    return present(mesh)


def give(obj: bpy.types.Object, mesh: bpy.types.Mesh) -> None:
    """Another mesh for an object, which keeps its name."""
    old = _mesh(obj)
    name = old.name
    obj.data = mesh
    if not old.users:
        bpy.data.meshes.remove(old)
    mesh.name = name


def _mesh(obj: bpy.types.Object) -> bpy.types.Mesh:
    assert isinstance(obj.data, bpy.types.Mesh)
    return obj.data


def appended(path: str) -> bpy.types.Mesh:
    """The only mesh of another file, as one of this file."""
    libraries: Any = bpy.data.libraries  # the stubs have it load nothing
    with libraries.load(path) as (source, target):
        target.meshes = source.meshes
    (mesh,) = target.meshes
    assert isinstance(mesh, bpy.types.Mesh)
    return mesh
