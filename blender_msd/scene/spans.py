"""How large a picture is on a surface: from UV maps and units to scene units."""

from __future__ import annotations

import bpy
import numpy as np

from . import meshes


def has_uv(obj: bpy.types.Object) -> bool:
    """Whether there is a UV map that a picture which repeats can use."""
    uv = obj.data.uv_layers.active if isinstance(obj.data, bpy.types.Mesh) else None
    return uv is not None and uv.name != meshes.UV


def unit_span(obj: bpy.types.Object) -> float:
    """How wide, in scene units, one unit of the coordinates is on the surface: of the UV map, on average over the
    surface, else of the object itself. 1 where the surface or its UV map has no area."""
    scale = abs(obj.matrix_world.determinant()) ** (1 / 3)
    if not has_uv(obj):
        return scale or 1.0
    mesh = obj.data
    assert isinstance(mesh, bpy.types.Mesh)
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    loops, areas = np.empty(3 * count, np.int32), np.empty(count, np.float32)
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("area", areas)
    layer = mesh.uv_layers.active
    assert layer is not None
    uv = np.empty(2 * len(mesh.loops), np.float32)
    layer.uv.foreach_get("vector", uv)
    corners = uv.reshape(-1, 2)[loops].reshape(-1, 3, 2).astype(np.float64)
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    uv_area, area = float(np.abs(ax * by - ay * bx).sum()) / 2, float(areas.sum(dtype=np.float64)) * scale**2
    return float(np.sqrt(area / uv_area)) if uv_area > 0 and area > 0 else 1.0


def repeats(unit: float, repeat: float, width: float, aspect: float) -> tuple[tuple[float, float], float]:
    """How many times a picture fits into one unit of the coordinates along each axis, and how wide it then is.

    Args:
        unit: as `unit_span`.
        repeat: how many times along both axes, where `width` is 0.
        width: of the picture, in scene units; it keeps its proportions.
        aspect: its width over its height.
    """
    if not width:
        return (repeat, repeat), unit / repeat
    return (unit / width, unit / width * aspect), width
