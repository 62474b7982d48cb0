"""A contact sheet of a mesh seen from all around, for people who want to look at a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.pictures import BACKGROUND, render
from server.png import write_png
from server.world.views import Views

PER_ROW = 4
ELEVATION = 20.0


def turntable(
    mesh: MeshArrays,
    path: Path,
    views: int = 8,
    size: int = 256,
    plain: bool = False,
    texture: Texture | None = None,
) -> None:
    """Write a PNG with `views` pictures of size^2 pixels, four a row, starting at the front and walking anticlockwise.

    Args:
        mesh: in Blender's axes.
        plain: grey instead of its colours, to judge the shape alone.
        texture: shown instead of the vertex colours.
    """
    around = Views.orbit([360 * i / views for i in range(views)], ELEVATION)
    pictures = render(mesh, around, size, plain, texture)
    rows = -(-views // PER_ROW)
    sheet = np.full((rows * size, min(views, PER_ROW) * size, 3), np.uint8(255 * BACKGROUND[0]))
    for i, picture in enumerate(pictures):
        top, left = i // PER_ROW * size, i % PER_ROW * size
        sheet[top : top + size, left : left + size] = picture
    write_png(path, sheet)
