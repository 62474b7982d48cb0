"""The colour that a camera sees on the surface, vertex by vertex."""

from __future__ import annotations

import numpy as np

from server.meshing.arrays import Floats, Triangles
from server.meshing.fields import Colour, Density, in_chunks
from server.meshing.tangents import smooth_normals

# Depths below the surface, in field units, where a ray falling straight onto a vertex samples the field. The field
# was trained on what such rays add up, not on its colour at any one depth. Negative is outside: vertices that
# smoothing or reduction pushed a little inside still meet the outer layer.
DEPTHS = (-0.01, 0.0, 0.01, 0.02, 0.03, 0.04)
# Less light than this, at a sample or behind it, is not looked for.
DARK = 0.004


def vertex_colours(
    density: Density, colour: Colour, vertices: Floats, triangles: Triangles, depths: tuple[float, ...] = DEPTHS
) -> Floats:
    """Colours float32 [V, 3] in [0, 1] at vertices [V, 3] in field axes.

    The volume rendering sum over `depths` along the inward normal (Max 1995), with the last sample opaque.
    One depth costs one colour query a vertex and no density query.
    """
    return seen_colours(density, colour, vertices, -smooth_normals(vertices, triangles), depths)


def seen_colours(
    density: Density, colour: Colour, points: Floats, inward: Floats, depths: tuple[float, ...] = DEPTHS
) -> Floats:
    """Colours float32 [N, 3] in [0, 1] that rays along `inward` (unit, [N, 3]) see at surface points [N, 3]."""
    seen = np.zeros((len(points), 3), np.float32)
    passed = np.ones(len(points), np.float32)
    for i, depth in enumerate(depths):
        lit = np.flatnonzero(passed > DARK)
        if len(lit) == 0:
            break
        at = np.clip(points[lit] + inward[lit] * np.float32(depth), -1, 1)
        if i + 1 < len(depths):
            step = np.float32(depths[i + 1] - depth)
            stopped = 1 - np.exp(-in_chunks(density, at) * step)
            stopped[passed[lit] * stopped <= DARK] = 0
            stopped[passed[lit] * (1 - stopped) <= DARK] = 1
        else:
            stopped = np.ones(len(lit), np.float32)
        weight = passed[lit] * stopped
        counts = weight > 0
        seen[lit[counts]] += weight[counts, None] * in_chunks(colour, at[counts], columns=3)
        passed[lit] -= weight
    return np.clip(seen, 0, 1)
