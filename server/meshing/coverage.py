"""Which points of a pixel grid lie in which triangles: the step shared by rendering, voxelising and baking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Candidate points examined at once; bounds memory to about 200 MB.
BATCH = 2_000_000


@dataclass(frozen=True)
class Coverage:
    """M pairs of a triangle and a pixel whose centre it covers.

    Attributes:
        triangle, column, row: int [M].
        weights: float64 [M, 3], barycentric coordinates of the pixel centre, positive, summing to 1.
    """

    triangle: NDArray[np.int64]
    column: NDArray[np.int64]
    row: NDArray[np.int64]
    weights: NDArray[np.float64]


def cover(corners: NDArray[np.float64], width: int, height: int) -> Iterator[Coverage]:
    """Pixels of a width x height grid covered by triangles `corners` [F, 3, 2], in batches.

    Coordinates are in pixels: the centre of pixel (column, row) is at (column + 0.5, row + 0.5). Both orientations are
    covered; triangles without area cover nothing. A centre exactly on a shared edge belongs to both triangles.
    """
    size = np.array([width, height])
    low = np.clip(np.ceil(corners.min(1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(corners.max(1) - 0.5) + 1, 0, size).astype(np.int64)
    spans = np.maximum(high - low, 0)
    candidates = spans[:, 0] * spans[:, 1]
    edge_1, edge_2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = edge_1[:, 0] * edge_2[:, 1] - edge_1[:, 1] * edge_2[:, 0]
    chosen = np.flatnonzero((candidates > 0) & (area != 0))
    for part in _batches(chosen, candidates[chosen]):
        triangle = np.repeat(part, candidates[part])
        first = np.repeat(np.cumsum(candidates[part]) - candidates[part], candidates[part])
        within = np.arange(len(triangle)) - first
        row = low[triangle, 1] + within // spans[triangle, 0]
        column = low[triangle, 0] + within % spans[triangle, 0]
        x, y = column + 0.5 - corners[triangle, 0, 0], row + 0.5 - corners[triangle, 0, 1]
        second = (x * edge_2[triangle, 1] - y * edge_2[triangle, 0]) / area[triangle]
        third = (y * edge_1[triangle, 0] - x * edge_1[triangle, 1]) / area[triangle]
        weights = np.stack([1 - second - third, second, third], -1)
        inside = (weights >= 0).all(1)
        yield Coverage(triangle[inside], column[inside], row[inside], weights[inside])


def _batches(chosen: NDArray[np.int64], candidates: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Split `chosen` where the candidates add up to BATCH; a single larger triangle is a batch of its own."""
    if len(chosen):
        which = np.cumsum(candidates) // BATCH
        yield from np.split(chosen, np.flatnonzero(np.diff(which)) + 1)
