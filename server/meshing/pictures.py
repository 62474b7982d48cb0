"""Pictures of a mesh: softly lit, for thumbnails and for people who want to look at a result."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from server.meshing.arrays import Floats, MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import Placement
from server.meshing.rasterise import Hits, rasterise
from server.meshing.tangents import corner_tangents, handedness, smooth_normals
from server.world.views import Views

SUPERSAMPLING = 2
BACKGROUND = (0.93, 0.93, 0.93)
AMBIENT = 0.6


def render(
    mesh: MeshArrays,
    views: Views,
    size: int,
    plain: bool = False,
    texture: Texture | None = None,
    clear: bool = False,
) -> list[NDArray[np.uint8]]:
    """Pictures uint8 [S, S, 3] sRGB of a mesh, scaled into the ball that `views` look at, softly lit from the camera's
    upper left.

    Args:
        plain: grey instead of its colours, to judge the shape alone.
        texture: shown instead of the vertex colours.
        clear: nothing behind it: [S, S, 4], whose alpha is the share of a pixel that it covers.
    """
    points = _into_ball(mesh.position)
    normals = smooth_normals(points, mesh.triangle)
    tangents = None if texture is None else corner_tangents(points, normals, mesh.triangle, texture.uv)
    grey_or_painted = np.full_like(points, 0.7) if plain else (mesh.colour[:, :3] / 255).astype(np.float32)
    _, rights, ups, forwards = (axis.numpy() for axis in views.frames())
    pictures = []
    for i, hits in enumerate(rasterise(points, mesh.triangle, views, size * SUPERSAMPLING)):
        light = -0.5 * rights[i] + 0.7 * ups[i] - 0.8 * forwards[i]
        normal, colours = hits.interpolate(mesh.triangle, normals), hits.interpolate(mesh.triangle, grey_or_painted)
        if texture is not None and tangents is not None:
            normal = _relief(texture, hits, normal, tangents)
            colours = colours if plain else sample(texture.albedo, _at_hits(texture.uv, hits))
        facing = normal @ (light / np.linalg.norm(light))
        # Half Lambert: soft on the far side, never black.
        shade = AMBIENT + (1 - AMBIENT) * (facing * 0.5 + 0.5) ** 2
        picture = np.zeros((*hits.mask.shape, 3), np.float32)
        picture[hits.mask] = colours * shade[:, None]
        cover, shown = _smaller(hits.mask[:, :, None].astype(np.float32), size), _smaller(picture, size)
        if clear:
            small = np.concatenate([shown / np.maximum(cover, 1e-6), cover], -1)
        else:
            small = shown + (1 - cover) * np.asarray(BACKGROUND, np.float32)
        pictures.append((np.clip(small, 0, 1) * 255).round().astype(np.uint8))
    return pictures


def _smaller(picture: Floats, size: int) -> Floats:
    mean: Floats = picture.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, -1).mean((1, 3))
    return mean


def sample(picture: NDArray[np.uint8], uv: Floats) -> Floats:
    """Bilinear values [N, C] in [0, 1] of a picture [H, W, C] at places `uv` [N, 2]."""
    height, width = picture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right_share, low_share = (x - left)[:, None], (y - top)[:, None]
    columns, rows = np.clip([left, left + 1], 0, width - 1), np.clip([top, top + 1], 0, height - 1)
    above, below = (
        picture[row, columns[0]] * (1 - right_share) + picture[row, columns[1]] * right_share for row in rows
    )
    values: Floats = ((above * (1 - low_share) + below * low_share) / 255).astype(np.float32)
    return values


def _relief(texture: Texture, hits: Hits, normal: Floats, tangents: Floats) -> Floats:
    """Unit normals [N, 3] of the hits, as the normal map has them."""
    tangent = _at_hits(tangents, hits)
    sign = handedness(texture.uv)[hits.triangle[hits.mask]]
    x, y, z = (sample(texture.normal, _at_hits(texture.uv, hits)) * 2 - 1).T[:, :, None]
    bent = x * tangent + y * np.cross(normal, tangent) * sign[:, None] + z * normal
    return (bent / np.maximum(np.linalg.norm(bent, axis=1, keepdims=True), 1e-20)).astype(np.float32)


def _at_hits(values: Floats, hits: Hits) -> Floats:
    """Values at faces' corners [F, 3, C], at the hits of the mask [N, C]."""
    return np.einsum("pc,pcv->pv", hits.weights[hits.mask], values[hits.triangle[hits.mask]]).astype(np.float32)


def _into_ball(position: Floats) -> Floats:
    """Blender's axes to field axes, centred and scaled to fill most of the unit ball."""
    points = Placement(1.0, (0.0, 0.0, 0.0)).invert(position)
    centred = points - (points.min(0) + points.max(0)) / 2
    return (centred * (0.95 / max(float(np.linalg.norm(centred, axis=1).max()), 1e-9))).astype(np.float32)
