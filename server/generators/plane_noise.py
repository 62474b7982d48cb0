"""A field of noise on a plane, seen through square windows: the noise that is attached to a picture.

Integral noise (Chang et al. 2024, "How I Warped Your Noise"): white noise is given on fine cells, and a cell of a
window sees the sum of the fine cells whose middles it covers, over the root of their number. Cells of one window share
no fine cell, so that what a window sees is standard normal and uncorrelated exactly, wherever it lies and however large
it is; two windows agree to the extent that their cells overlap.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from server.generators.subject import NoiseLaw

# Fine cells along a window's cell. Places are rounded to them: to half a pixel of a prior whose cells have four.
FINE = 8
SEED_STEP = 1_000_003


class PlaneNoise:
    """Independent noise fields on one tile, which repeat beyond it.

    Args:
        extent: width and height of the tile, in windows.
        seed: of the job; the same seed gives the same fields.
    """

    def __init__(self, extent: tuple[float, float], seed: int) -> None:
        self._extent = extent
        self._seed = seed
        self._fields: dict[tuple[int, int, int], Tensor] = {}

    def seen(self, corner: Tensor, number: int, channels: int, cells: int, scale: float = 1.0) -> Tensor:
        """Standard normal noise [B, channels, cells, cells], as B windows see field `number`.

        Args:
            corner: [B, 2] x and y of the windows' upper left corners, in windows.
            cells: per side of a window.
            scale: side of the windows, in windows; at least 1 / FINE.
        """
        field = self._field(number, channels, cells)
        seen = []
        for x, y in corner.tolist():
            columns, across = self._cover(x, scale, 0, cells)
            rows, down = self._cover(y, scale, 1, cells)
            seen.append(down @ field[:, rows][:, :, columns] @ across.T)
        return torch.stack(seen)

    def _size(self, axis: int, cells: int) -> int:
        """Fine cells along one side of the tile."""
        return max(1, round(self._extent[axis] * cells * FINE))

    def _field(self, number: int, channels: int, cells: int) -> Tensor:
        key = (number, channels, cells)
        if key not in self._fields:
            shape = (channels, self._size(1, cells), self._size(0, cells))
            self._fields[key] = torch.randn(shape, generator=_stream(self._seed, number))
        return self._fields[key]

    def _cover(self, start: float, scale: float, axis: int, cells: int) -> tuple[Tensor, Tensor]:
        """Numbers [F] of the fine cells that a window covers along an axis, and the weights [cells, F] with which its
        cells see them."""
        size = self._size(axis, cells)
        per_window = size / self._extent[axis]
        borders = [math.floor((start + scale * i / cells) * per_window + 0.5) for i in range(cells + 1)]
        weights = torch.zeros(cells, borders[-1] - borders[0])
        for i in range(cells):
            first, last = borders[i], borders[i + 1]
            weights[i, first - borders[0] : last - borders[0]] = (last - first) ** -0.5
        return torch.arange(borders[0], borders[-1]) % size, weights


def one_for_all(seed: int) -> NoiseLaw:
    """The law of noise that belongs to the screen: every window sees the same field."""

    def seen(number: int, shape: torch.Size) -> Tensor:
        return torch.randn((1, *shape[1:]), generator=_stream(seed, number)).expand(shape)

    return seen


def _stream(seed: int, number: int) -> torch.Generator:
    """Randomness of one field."""
    return torch.Generator().manual_seed((seed + 1) * SEED_STEP + number)
