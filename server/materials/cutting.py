"""Where a tile and its maps begin, which is anybody's choice: where no map shows the cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.materials.borders import Borders

# So many rows and columns are enough to choose from.
TRIED = 1024
# Of the colour, the logarithm of a seam ratio that nobody sees; and more than any logarithm that another map can have.
HARMLESS, BEYOND = 0.22, 100.0
# Values that are compared at a time.
STRIP = 2**20


@dataclass(frozen=True)
class Steps:
    """How much every row [H], and every column [W], of a map differs from the one before it, in all."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    def seam_ratio(self, row: Any = 0, column: Any = 0) -> Any:
        """Mean step across the edges of the map over the mean step inside it, if it began with this row and column; 1
        for a map that is the same everywhere."""
        height, width = len(self.rows), len(self.columns)
        total = self.rows.sum() + self.columns.sum()
        across = self.rows[row] + self.columns[column]
        if total == 0:
            return np.ones_like(across)
        steps = (height - 1) * width + height * (width - 1)
        return across / np.maximum(total - across, 1e-9) * steps / (height + width)


def steps_of(picture: NDArray[Any]) -> Steps:
    """Of a map [H, W] or [H, W, C]."""
    height, width = picture.shape[:2]
    rows, columns = np.zeros(height), np.zeros(width)
    lines = max(1, STRIP // max(1, picture[0].size))
    for first in range(0, height, lines):
        last = min(first + lines, height)
        strip = picture[first:last].astype(np.float32).reshape(last - first, width, -1)
        before = np.concatenate([picture[first - 1][None].astype(np.float32).reshape(1, width, -1), strip[:-1]])
        rows[first:last] = np.abs(strip - before).sum((1, 2), dtype=np.float64)
        along = np.abs(np.diff(strip, axis=1)).sum((0, 2), dtype=np.float64)
        columns[1:] += along
        columns[0] += np.abs(strip[:, 0] - strip[:, -1]).sum(dtype=np.float64)
    return Steps(rows, columns)


def ordinary_cut(maps: Sequence[Steps], borders: Borders) -> tuple[int, int]:
    """The row and the column to begin with, so that across the edges neighbours differ as much as inside, in every map.

    Of the map that suffers most, the seam ratio is as near to 1 as it can be without harm to the first map, which is
    seen most. A direction that does not repeat begins where it began.

    Args:
        maps: the colour first.
    """
    height, width = len(maps[0].rows), len(maps[0].columns)
    # Of a large tile, not every line is tried.
    rows = np.arange(0, height if borders.y else 1, max(1, height // TRIED))
    columns = np.arange(0, width if borders.x else 1, max(1, width // TRIED))
    worst = np.zeros((len(rows), len(columns)), np.float32)
    for number, each in enumerate(maps):
        ratio = each.seam_ratio(rows[:, None], columns[None])
        off = np.abs(np.log(np.maximum(ratio, 1e-6))).astype(np.float32)
        if number == 0:
            off[off > HARMLESS] += BEYOND
        np.maximum(worst, off, out=worst)
    row, column = np.unravel_index(int(worst.argmin()), worst.shape)
    return int(rows[row]), int(columns[column])


def begun_at(picture: NDArray[Any], cut: tuple[int, int]) -> NDArray[Any]:
    """[H, W, ...], beginning with the row and the column of `cut`."""
    return np.roll(picture, (-cut[0], -cut[1]), (0, 1))
