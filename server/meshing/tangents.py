"""The frame that a tangent-space normal map is written in.

As MikkTSpace, which Blender and glTF viewers use: per-vertex normals and tangents are weighted by corner angles,
interpolated without normalising, and the bitangent is their cross product times the sign of the face on the texture.
"""

from __future__ import annotations

import numpy as np

from server.meshing.arrays import Floats, Triangles, area_vectors


def corner_angles(vertices: Floats, triangles: Triangles) -> Floats:
    """Angles float32 [F, 3] in radians at the corners of each face; 0 in faces without area."""
    corners = vertices[triangles].astype(np.float64)
    ahead = np.roll(corners, -1, 1) - corners
    behind = np.roll(corners, 1, 1) - corners
    twice_area = np.linalg.norm(np.cross(ahead, behind), axis=-1)
    angles: Floats = np.where(twice_area > 0, np.arctan2(twice_area, (ahead * behind).sum(-1)), 0).astype(np.float32)
    return angles


def smooth_normals(vertices: Floats, triangles: Triangles) -> Floats:
    """Unit normals float32 [V, 3] of a smooth-shaded mesh, pointing outward; (0, 0, 1) where faces cancel out."""
    face = area_vectors(vertices[triangles].astype(np.float64))
    face /= np.maximum(np.linalg.norm(face, axis=1, keepdims=True), 1e-30)
    weighted = corner_angles(vertices, triangles)[:, :, None] * face[:, None]
    return unit(_sum_at(triangles.ravel(), weighted.reshape(-1, 3), len(vertices)))


def split_at_seams(triangles: Triangles, uv: Floats) -> tuple[Triangles, Triangles]:
    """One vertex for every different pair of a vertex and a place on the texture.

    Faces that are mirrored on the texture share no vertex with those that are not: their tangents point opposite ways.

    Args:
        triangles: [F, 3]; uv: float32 [F, 3, 2].

    Returns:
        Which corner [N] (face * 3 + corner) each new vertex is taken from, and triangles int32 [F, 3] of new vertices.
    """
    bits = np.ascontiguousarray(uv, np.float32).view(np.uint32).astype(np.uint64).reshape(-1, 2)
    mirrored = np.repeat(handedness(uv) < 0, 3).astype(np.uint64)
    place = bits[:, 0] << np.uint64(32) | bits[:, 1]
    vertex = triangles.ravel().astype(np.uint64) << np.uint64(1) | mirrored
    order = np.lexsort([place, vertex])
    fresh = np.ones(len(order), bool)
    fresh[1:] = (np.diff(place[order]) != 0) | (np.diff(vertex[order]) != 0)
    new = np.empty(len(order), np.int32)
    new[order] = np.cumsum(fresh) - 1
    return order[fresh].astype(np.int32), new.reshape(triangles.shape)


def handedness(uv: Floats) -> Floats:
    """+1 or -1 [F]: whether a face is anticlockwise on the texture, seen from outside, or mirrored."""
    (x1, y1), (x2, y2) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    sign: Floats = np.where(x1 * y2 - x2 * y1 < 0, np.float32(-1), np.float32(1))
    return sign


def corner_tangents(vertices: Floats, normals: Floats, triangles: Triangles, uv: Floats) -> Floats:
    """Unit tangents float32 [F, 3, 3] at the faces' corners: the direction on the surface in which u grows.

    Any direction along the surface where faces have no area on the texture, or cancel out.

    Args:
        normals: [V, 3], of `smooth_normals`.
        uv: [F, 3, 2].
    """
    corners, places = vertices[triangles].astype(np.float64), uv.astype(np.float64)
    edges, steps = corners[:, 1:] - corners[:, :1], places[:, 1:] - places[:, :1]
    # Solved up to a factor, whose sign matters: sign(det) * (v2 e1 - v1 e2).
    tangent = steps[:, 1, 1, None] * edges[:, 0] - steps[:, 0, 1, None] * edges[:, 1]
    tangent *= handedness(uv)[:, None]
    normal = normals[triangles].astype(np.float64)
    along = tangent[:, None] - (tangent[:, None] * normal).sum(-1, keepdims=True) * normal
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-30)
    weighted = along * corner_angles(vertices, triangles)[:, :, None]
    first, split = split_at_seams(triangles, uv)
    summed = _sum_at(split.ravel(), weighted.reshape(-1, 3), len(first))
    return unit(summed, _across(normals[triangles.ravel()[first]]))[split]


def _across(normals: Floats) -> Floats:
    """Unit vectors [N, 3] at right angles to unit vectors [N, 3]."""
    return unit(np.cross(np.eye(3)[np.abs(normals).argmin(1)], normals))


def to_tangent_space(wanted: Floats, normal: Floats, tangent: Floats, sign: Floats) -> Floats:
    """Unit vectors float32 [M, 3], z > 0, that a renderer turns back into the directions `wanted`.

    Args:
        wanted, normal, tangent: [M, 3], the last two as interpolated.
        sign: [M], of `handedness`.
    """
    bitangent = np.cross(normal, tangent) * sign[:, None]
    # The inverse of the matrix with columns tangent, bitangent, normal, up to its determinant, which is positive for
    # sign +1 and negative for -1.
    rows = (np.cross(bitangent, normal), np.cross(normal, tangent), np.cross(tangent, bitangent))
    local = np.stack([(row * wanted).sum(1) for row in rows], -1) * sign[:, None]
    local = unit(local)
    # A direction from behind cannot be shown; the flattest that can is taken.
    local[:, 2] = np.maximum(local[:, 2], 0.05)
    return unit(local)


def _sum_at(index: Triangles, values: Floats, count: int) -> Floats:
    return np.stack([np.bincount(index, values[:, axis], count) for axis in range(3)], -1)


def unit(vectors: Floats, otherwise: Floats | tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Floats:
    """Vectors [N, 3] divided by their lengths, float32; `otherwise` ([N, 3] or one) where there is no length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-20, vectors / np.maximum(length, 1e-20), otherwise).astype(np.float32)
