"""Look at a mesh with a pinhole camera: a z-buffer in numpy, for pictures and for silhouettes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.meshing.arrays import Bools, Floats, Triangles
from server.meshing.coverage import cover
from server.world.views import Views


@dataclass(frozen=True)
class Hits:
    """What each pixel sees.

    Attributes:
        triangle: int64 [S, S], the nearest triangle, -1 where there is none.
        weights: float64 [S, S, 3], barycentric coordinates of the hit (perspective correct).
    """

    triangle: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def mask(self) -> Bools:
        """bool [S, S]: the silhouette."""
        return self.triangle >= 0

    def interpolate(self, triangles: Triangles, values: Floats) -> Floats:
        """Per-vertex values [V, C] at the hits of the mask, [mask.sum(), C]."""
        corners = values[triangles[self.triangle[self.mask]]]
        return np.einsum("pc,pcv->pv", self.weights[self.mask], corners).astype(np.float32)


def rasterise(vertices: Floats, triangles: Triangles, views: Views, size: int) -> list[Hits]:
    """Nearest triangle for every pixel of every view, row 0 at the top.

    Args:
        vertices: [V, 3] in field axes (Z up, front towards +X), in front of every camera.
        views: B cameras; see priors/views.py.
    """
    eyes, rights, ups, forwards = (axis.double().numpy() for axis in views.frames())
    focal = 0.5 * size / np.tan(views.fov.double().numpy() / 2)
    return [
        _one_view(vertices - eyes[i], triangles, np.stack([rights[i], -ups[i], forwards[i]]), focal[i], size)
        for i in range(len(views))
    ]


def _one_view(
    vertices: NDArray[np.float64], triangles: Triangles, axes: NDArray[np.float64], focal: float, size: int
) -> Hits:
    right, down, depth = (vertices @ axes.T).T
    on_screen = np.stack([right, down], -1) / depth[:, None] * focal + size / 2
    nearness = 1 / depth
    nearest = np.zeros(size * size)
    triangle = np.full(size * size, -1, np.int64)
    weights = np.zeros((size * size, 3))
    for part in cover(on_screen[triangles], size, size):
        # 1 / depth is linear on the screen; depth is not.
        scaled = part.weights * nearness[triangles[part.triangle]]
        near = scaled.sum(1)
        order = np.argsort(near, kind="stable")
        pixel = part.row * size + part.column
        # Assignment keeps the last of equal indices: the nearest.
        last = np.full(size * size, -1, np.int64)
        last[pixel[order]] = order
        hit = np.flatnonzero(last >= 0)
        best = last[hit]
        wins = near[best] > nearest[hit]
        hit, best = hit[wins], best[wins]
        nearest[hit] = near[best]
        triangle[hit] = part.triangle[best]
        weights[hit] = scaled[best] / near[best, None]
    return Hits(triangle.reshape(size, size), weights.reshape(size, size, 3))
