"""Colours and fine relief of the field, written into pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from server.meshing.arrays import Floats, Triangles
from server.meshing.colours import seen_colours
from server.meshing.fields import Colour, Density
from server.meshing.tangents import corner_tangents, handedness, smooth_normals, to_tangent_space, unit
from server.meshing.texels import find_texels, paint
from server.meshing.underside import Underside

# Fine vertices whose normals are blended at a texel.
NEIGHBOURS = 6
# Texels worked on at once.
CHUNK = 1 << 18


@dataclass(frozen=True)
class Texture:
    """Pictures, and where each face finds itself on them.

    Attributes:
        uv: float32 [F, 3, 2] of the faces' corners, in [0, 1], v upward.
        albedo: uint8 [S, S, 3], sRGB, top row first.
        normal: uint8 [S, S, 3], tangent space, x right, y up, z out; (128, 128, 255) is flat.
    """

    uv: Floats
    albedo: NDArray[np.uint8]
    normal: NDArray[np.uint8]


def bake(
    density: Density,
    colour: Colour,
    vertices: Floats,
    triangles: Triangles,
    uv: Floats,
    fine: tuple[Floats, Triangles],
    size: int,
    underside: Underside | None = None,
    ask: Callable[[], Any] = lambda: None,
) -> Texture:
    """The texture of a reduced mesh.

    Args:
        density, colour: see fields.py.
        vertices: [V, 3] in field axes; triangles: [F, 3]; uv: [F, 3, 2].
        fine: the mesh before reduction, vertices [N, 3] and triangles; its normals become the normal map.
        size: texels per side.
        underside: colours what nobody saw; None leaves it as the field has it.
        ask: called between blocks of texels; may raise.

    Raises:
        JobFailed: "texture-empty", or "field-broken".
    """
    texels = find_texels(uv, size, ask)
    normals = smooth_normals(vertices, triangles)
    points, around = texels.interpolate(vertices[triangles]), texels.interpolate(normals[triangles])
    outward = unit(around)
    colours = seen_colours(density, colour, points, -outward)
    if underside is not None:
        colours = underside.recolour(points, outward, colours, ask)
    tangents = texels.interpolate(corner_tangents(vertices, normals, triangles, uv))
    relief = fine_normals(points, outward, *fine, ask)
    ask()
    local = to_tangent_space(relief, around, tangents, handedness(uv)[texels.triangle])
    ask()
    nearest = texels.nearest()
    ask()
    return Texture(
        uv, paint(_bytes(colours), nearest), paint(_bytes(local * np.float32(0.5) + np.float32(0.5)), nearest)
    )


def fine_normals(
    points: Floats, outward: Floats, vertices: Floats, triangles: Triangles, ask: Callable[[], Any] = lambda: None
) -> Floats:
    """Unit normals float32 [M, 3] of the fine mesh next to points [M, 3] whose own normals are `outward`.

    A blend of the nearest vertices that face the same way, so that the far side of a thin wall has no say. Weights fall
    to zero at the farthest of them: the result changes smoothly from point to point.
    """
    normals = smooth_normals(vertices, triangles)
    tree = cKDTree(vertices, balanced_tree=False, compact_nodes=False)
    blended = np.empty_like(points)
    for start in range(0, len(points), CHUNK):
        ask()
        part = slice(start, start + CHUNK)
        distance, index = tree.query(points[part], k=min(NEIGHBOURS, len(vertices)), workers=-1)
        near = normals[index]
        weight = 1.001 - distance / np.maximum(distance[:, -1:], 1e-20)
        weight = (weight * weight).astype(np.float32) * ((near * outward[part, None]).sum(-1) > 0)
        blended[part] = (near * weight[:, :, None]).sum(1)
    lost = np.linalg.norm(blended, axis=1) < 1e-6
    blended[lost] = outward[lost]
    return unit(blended)


def _bytes(values: Floats) -> NDArray[np.uint8]:
    """[0, 1] to uint8."""
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
