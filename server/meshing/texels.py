"""From places on a texture to places on the surface, and back to a picture without gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from server.errors import JobFailed
from server.meshing.arrays import Floats
from server.meshing.coverage import cover


@dataclass(frozen=True)
class Texels:
    """The M texels of a square texture whose centres lie on the surface.

    Attributes:
        size: S, texels per side.
        place: int64 [M], row * S + column, growing; row 0 is the top of the picture (v = 1).
        triangle: int64 [M].
        weights: float32 [M, 3], barycentric coordinates of the centre.
    """

    size: int
    place: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: Floats

    def interpolate(self, values: Floats) -> Floats:
        """Values at the texels, float32 [M, C], of values given at the faces' corners [F, 3, C]."""
        w = self.weights
        a, b, c = (values[:, corner] for corner in range(3))
        mixed: Floats = w[:, :1] * a[self.triangle] + w[:, 1:2] * b[self.triangle] + w[:, 2:] * c[self.triangle]
        return mixed.astype(np.float32, copy=False)

    def nearest(self) -> NDArray[np.int64]:
        """For every texel of the texture [S, S], which of the M texels is nearest."""
        index = np.full((self.size, self.size), -1, np.int64)
        index.flat[self.place] = np.arange(len(self.place))
        rows, columns = ndimage.distance_transform_edt(index < 0, return_distances=False, return_indices=True)
        near: NDArray[np.int64] = index[rows, columns]
        return near


def find_texels(uv: Floats, size: int, ask: Callable[[], Any] = lambda: None) -> Texels:
    """Texels of a size^2 texture under faces with corners `uv` [F, 3, 2] in [0, 1], v upward.

    Args:
        ask: called between blocks of faces; may raise.

    Raises:
        JobFailed: "texture-empty" when no face covers a texel's centre.
    """
    owner = np.full(size * size, -1, np.int64)
    weights = np.zeros((size * size, 3), np.float32)
    corners = np.stack([uv[..., 0], 1 - uv[..., 1]], -1).astype(np.float64) * size
    for part in cover(corners, size, size):
        ask()
        place = part.row * size + part.column
        owner[place] = part.triangle
        weights[place] = part.weights
    place = np.flatnonzero(owner >= 0)
    if len(place) == 0:
        raise JobFailed(
            "texture-empty",
            f"The faces are too small to cover a texel of a texture of {size} pixels.",
            "Use a larger texture, fewer faces, or texture size 0 for vertex colours.",
        )
    return Texels(size, place, owner[place], weights[place])


def paint(values: NDArray[np.uint8], nearest: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A picture [S, S, C] from values [M, C]; what no face covers repeats the nearest texel that one does.

    Filtering and mip levels reach beyond the charts' borders, and must meet the same colours there.
    """
    return values[nearest]
