"""A UV layout that is given: which places of the surface each texel shows, and a picture from colours at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from server.errors import JobFailed
from server.meshing.arrays import Bools, Floats, area_vectors
from server.meshing.coverage import cover
from server.meshing.given import GivenMesh

# Beside chosen faces an old picture is painted over so far, in texels, where no other face shows it.
MARGIN = 4


@dataclass(frozen=True)
class Layout:
    """P pairs of a texel and a face that covers its centre; where islands lie over each other, a texel has several.

    Attributes:
        width, height: of the picture in texels.
        texel: int64 [P], row * width + column; row 0 is the top of the picture (v = 1).
        triangle: int64 [P].
        weights: float32 [P, 3], barycentric coordinates of the texel's centre.
        others: int64 [K], texels that faces which are not chosen cover.
    """

    width: int
    height: int
    texel: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: Floats
    others: NDArray[np.int64]

    def interpolate(self, corners: Floats) -> Floats:
        """Values float32 [P, C] of values at the faces' corners [F, 3, C]."""
        found: Floats = np.einsum("pc,pcv->pv", self.weights, corners[self.triangle]).astype(np.float32)
        return found

    def shared(self, points: Floats, apart: float) -> float:
        """Share of the covered texels that show places of the surface, `points` [P, 3], which are farther than `apart`
        from each other."""
        first = np.zeros((self.width * self.height, 3), np.float32)
        first[self.texel] = points
        far = np.abs(points - first[self.texel]).max(1) > apart
        return len(np.unique(self.texel[far])) / max(1, len(np.unique(self.texel)))

    def paint(self, colours: Floats, onto: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """uint8 [height, width, 3] of sRGB colours [P, 3] in [0, 1]; faces over each other mix.

        What no face covers repeats the nearest texel that one does: filtering and mip levels reach beyond islands. Of
        `onto`, a picture of that size, only MARGIN texels around the faces are painted over.
        """
        weight = np.bincount(self.texel, minlength=self.width * self.height)
        sums = [np.bincount(self.texel, channel, self.width * self.height) for channel in colours.T]
        mean = np.stack(sums, -1) / np.maximum(weight, 1)[:, None]
        pixels = np.round(np.clip(mean, 0, 1) * 255).astype(np.uint8).reshape(self.height, self.width, 3)
        distance, rows, columns = self._nearest
        spread: NDArray[np.uint8] = pixels[rows, columns]
        if onto is None:
            return spread
        free = distance <= MARGIN
        free.flat[np.setdiff1d(self.others, self.texel)] = False
        return np.where(free[..., None], spread, onto)

    @cached_property
    def _nearest(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        empty = np.ones((self.height, self.width), bool)
        empty.flat[self.texel] = False
        distance, (rows, columns) = ndimage.distance_transform_edt(empty, return_indices=True)
        return distance, rows, columns


def lay_out(mesh: GivenMesh, width: int, height: int, ask: Callable[[], Any] = lambda: None) -> Layout:
    """The layout of the chosen faces on a picture.

    Args:
        ask: called between blocks of faces; may raise.

    Raises:
        JobFailed: "texture-empty" when no face covers a texel's centre.
    """
    texel, triangle, weights = _covered(mesh, mesh.chosen, width, height, ask)
    if not len(texel):
        raise JobFailed(
            "texture-empty",
            f"The faces are too small in the UV layer to cover a texel of a picture of {width} x {height}.",
            "Use a larger texture, or larger islands.",
        )
    others, _, _ = _covered(mesh, ~mesh.chosen, width, height, ask)
    return Layout(width, height, texel, triangle, weights, others)


def _covered(
    mesh: GivenMesh, faces: Bools, width: int, height: int, ask: Callable[[], Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    wanted = np.flatnonzero(faces)
    uv = mesh.uv[wanted].astype(np.float64)
    corners = np.stack([uv[..., 0] * width, (1 - uv[..., 1]) * height], -1)
    texels = [np.empty(0, np.int64)]
    triangles, weights = [np.empty(0, np.int64)], [np.empty((0, 3), np.float32)]
    for part in cover(corners, width, height):
        ask()
        texels.append(part.row * width + part.column)
        triangles.append(wanted[part.triangle])
        weights.append(part.weights.astype(np.float32))
    return np.concatenate(texels), np.concatenate(triangles), np.concatenate(weights)


def without_area(mesh: GivenMesh) -> float:
    """Share of the chosen faces with an area in space that have none in the UV layer."""
    uv = mesh.uv[mesh.chosen].astype(np.float64)
    (ux, uy), (vx, vy) = (uv[:, 1] - uv[:, 0]).T, (uv[:, 2] - uv[:, 0]).T
    solid = np.linalg.norm(area_vectors(mesh.position[mesh.triangle[mesh.chosen]].astype(np.float64)), axis=1) > 0
    return float((np.abs(ux * vy - uy * vx) <= 0)[solid].mean()) if solid.any() else 0.0
