"""A finished object as a closed body in millimetres, for printers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bmesh
import bpy
import numpy as np

from ..core import three_mf
from ..core.errors import Problem
from ..core.names import block_name
from .present import present

# How finely a surface with holes is made anew, in parts of its longest side.
FINENESS = 256
# Of a cube of its longest side: a body of less volume is a sheet.
THINNEST = 1e-6


@contextmanager
def closed(obj: bpy.types.Object, size_mm: float) -> Iterator[tuple[bpy.types.Object, str]]:
    """A closed copy of an object whose longest side is so many millimetres, standing on the ground, while the block
    runs; and a sentence on what had to be done for it, or nothing.

    Raises:
        Problem: "mesh-empty", "surface-open".
    """
    present(bpy.context.view_layer).update()
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = present(bpy.data.meshes.new_from_object(obj.evaluated_get(graph), depsgraph=graph))
    solid = bpy.data.objects.new(block_name(obj.name, " solid"), mesh)
    present(bpy.context.scene).collection.objects.link(solid)
    said = ""
    try:
        mesh.transform(obj.matrix_world)
        _fit(mesh, size_mm)
        least = THINNEST * size_mm**3
        if not _close(mesh, least):
            said = "It had holes, which were filled."
            if not _close(mesh, least, fill=True):
                voxel = size_mm / FINENESS
                _remesh(solid, voxel, least)
                said = f"It was not closed, and was remeshed: what is larger than {voxel:.2g} mm is kept."
        yield solid, said
    finally:
        body = solid.data
        bpy.data.objects.remove(solid)
        for each in {mesh, body}:
            if isinstance(each, bpy.types.Mesh) and not each.users:
                bpy.data.meshes.remove(each)


def three_mf_of(solid: bpy.types.Object) -> bytes:
    mesh = solid.data
    assert isinstance(mesh, bpy.types.Mesh)
    mesh.calc_loop_triangles()
    position = np.empty(3 * len(mesh.vertices), np.float32)
    triangle = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.vertices.foreach_get("co", position)
    mesh.loop_triangles.foreach_get("vertices", triangle)
    return three_mf.packed(position.reshape(-1, 3), triangle.reshape(-1, 3))


def _fit(mesh: bpy.types.Mesh, size_mm: float) -> None:
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    position = flat.reshape(-1, 3)
    low, high = (position.min(0), position.max(0)) if len(position) else (np.zeros(3), np.zeros(3))
    longest = float((high - low).max())
    if not longest:
        raise Problem("mesh-empty", "It has no size.", "Choose an object with a surface.")
    base = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], np.float32)
    mesh.vertices.foreach_set("co", ((position - base) * np.float32(size_mm / longest)).ravel())


def _close(mesh: bpy.types.Mesh, least: float, fill: bool = False) -> bool:
    """Turn the faces outwards, and say whether they enclose a volume.

    Args:
        least: less is none.
        fill: put a face into every hole first.
    """
    shape = bmesh.new()
    shape.from_mesh(mesh)
    if fill:
        bmesh.ops.holes_fill(shape, edges=shape.edges[:], sides=0)
        bmesh.ops.recalc_face_normals(shape, faces=shape.faces[:])
    volume = shape.calc_volume(signed=True)
    is_closed = abs(volume) > least and all(edge.is_manifold and edge.is_contiguous for edge in shape.edges)
    turns = is_closed and volume < 0
    if turns:
        bmesh.ops.reverse_faces(shape, faces=shape.faces[:])
    if fill or turns:
        shape.to_mesh(mesh)
    shape.free()
    return is_closed


def _remesh(solid: bpy.types.Object, voxel: float, least: float) -> None:
    modifier = solid.modifiers.new("MSD solid", "REMESH")
    assert isinstance(modifier, bpy.types.RemeshModifier)
    modifier.mode, modifier.voxel_size = "VOXEL", voxel
    present(bpy.context.view_layer).update()
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = present(bpy.data.meshes.new_from_object(solid.evaluated_get(graph), depsgraph=graph))
    solid.modifiers.remove(modifier)
    solid.data = mesh
    if not _close(mesh, least):
        hint = "Close it in Edit Mode (Select, Non Manifold shows where), or export it as OBJ."
        raise Problem("surface-open", f"{solid.name} encloses no volume, and cannot be printed.", hint)
