"""A contact sheet of a mesh seen from all around, for people who want to look at a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from server.meshing.colours import vertex_normals
from server.meshing.export import Placement
from server.meshing.fields import Floats
from server.meshing.rasterise import rasterise
from server.priors.views import Views
from server.studio.events import MeshArrays

SUPERSAMPLING = 2
PER_ROW = 4
BACKGROUND = (0.93, 0.93, 0.93)
AMBIENT = 0.6
ELEVATION = 20.0


def turntable(mesh: MeshArrays, path: Path, views: int = 8, size: int = 256, plain: bool = False) -> None:
    """Write a PNG with `views` pictures of size^2 pixels, four a row, starting at the front and walking anticlockwise.

    Args:
        mesh: in Blender's axes.
        plain: grey instead of the vertex colours, to judge the shape alone.
    """
    pictures = render(mesh, Views.orbit([360 * i / views for i in range(views)], ELEVATION), size, plain)
    rows = -(-views // PER_ROW)
    sheet = np.full((rows * size, min(views, PER_ROW) * size, 3), np.uint8(255 * BACKGROUND[0]))
    for i, picture in enumerate(pictures):
        top, left = i // PER_ROW * size, i % PER_ROW * size
        sheet[top : top + size, left : left + size] = picture
    Image.fromarray(sheet).save(path)


def render(mesh: MeshArrays, views: Views, size: int, plain: bool = False) -> list[NDArray[np.uint8]]:
    """Pictures uint8 [S, S, 3] sRGB of a mesh, scaled into the ball that `views` look at, softly lit from the camera's
    upper left."""
    points = _into_ball(mesh.position)
    normals = vertex_normals(points, mesh.triangle)
    colours = np.full_like(points, 0.7) if plain else (mesh.colour[:, :3] / 255).astype(np.float32)
    _, rights, ups, forwards = (axis.numpy() for axis in views.frames())
    pictures = []
    for i, hits in enumerate(rasterise(points, mesh.triangle, views, size * SUPERSAMPLING)):
        light = -0.5 * rights[i] + 0.7 * ups[i] - 0.8 * forwards[i]
        facing = hits.interpolate(mesh.triangle, normals) @ (light / np.linalg.norm(light))
        # Half Lambert: soft on the far side, never black.
        shade = AMBIENT + (1 - AMBIENT) * (facing * 0.5 + 0.5) ** 2
        picture = np.full((*hits.mask.shape, 3), BACKGROUND, np.float32)
        picture[hits.mask] = hits.interpolate(mesh.triangle, colours) * shade[:, None]
        small = picture.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING, 3).mean((1, 3))
        pictures.append((np.clip(small, 0, 1) * 255).round().astype(np.uint8))
    return pictures


def _into_ball(position: Floats) -> Floats:
    """Blender's axes to field axes, centred and scaled to fill most of the unit ball."""
    points = Placement(1.0, (0.0, 0.0, 0.0)).invert(position)
    centred = points - (points.min(0) + points.max(0)) / 2
    return (centred * (0.95 / max(float(np.linalg.norm(centred, axis=1).max()), 1e-9))).astype(np.float32)
