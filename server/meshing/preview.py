"""A small mesh of a field that is still forming, in a tenth of a second."""

from __future__ import annotations

import numpy as np

from server.errors import JobFailed
from server.meshing.arrays import Bools, MeshArrays
from server.meshing.cleaning import drop_small_components
from server.meshing.colours import vertex_colours
from server.meshing.export import LIVE_PLACEMENT, as_arrays
from server.meshing.fields import Colour, Density
from server.meshing.surface import LOG_RANGE, Grid, fill_hollows, relative_log_density, triangulate

# Choosing the level by outlines, as finished meshes do, takes longer than the live mesh itself; this is what it came to
# on trained fields (6 to 8).
LEVEL = 6.0

# A live mesh shows the forming object, not its fog: dust of a few faces flickers from one mesh to the next.
SMALLEST_SHARE = 0.02
COLOUR_DEPTH = (0.02,)


def preview_mesh(
    density: Density, colour: Colour, resolution: int = 48, occupied: Bools | None = None
) -> MeshArrays | None:
    """The field's surface on a grid of resolution^3 cells over the whole cube, or None while nothing is solid.

    Live meshes share one fixed placement (export.LIVE_PLACEMENT), so that they grow in place.

    Raises:
        JobFailed: "field-broken" when the density is not a number.
    """
    spacing = 2 / resolution
    # One sample beyond the cube on each side, outside by construction, closes the surface.
    axis = (np.arange(resolution + 3, dtype=np.float32) - 1) * spacing - 1
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    wanted = np.linalg.norm(points, axis=-1) < 1 + spacing
    if occupied is not None:
        cell = np.clip(((axis + 1) / 2 * len(occupied)).astype(int), 0, len(occupied) - 1)
        wanted &= occupied[np.ix_(cell, cell, cell)]
    values = np.full(wanted.shape, -LOG_RANGE, np.float32)
    values[wanted] = relative_log_density(density, points[wanted], LEVEL)
    try:
        vertices, triangles = triangulate(fill_hollows(Grid(values, axis[[0, 0, 0]], spacing)))
    except JobFailed as problem:
        if problem.code == "nothing-solid":
            return None
        raise
    vertices, triangles = drop_small_components(vertices, triangles, SMALLEST_SHARE)
    colours = vertex_colours(density, colour, vertices, triangles, COLOUR_DEPTH)
    return as_arrays(vertices, triangles, colours, LIVE_PLACEMENT)
