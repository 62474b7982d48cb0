"""Where a tile and its maps begin, which is anybody's choice: where no map shows the cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.materials.borders import Borders

# So many rows and columns are enough to choose from.
TRIED = 1024
# Of the colour, the logarithm of a seam ratio that nobody sees; and more than any logarithm that another map can have.
HARMLESS, BEYOND = 0.18, 100.0


def ordinary_cut(maps: Sequence[NDArray[Any]], borders: Borders) -> tuple[int, int]:
    """The row and the column to begin with, so that across the edges neighbours differ as much as inside, in every map.

    Of the map that suffers most, the ratio of the two (the seam ratio) is as near to 1 as it can be without harm to the
    first map, which is seen most. A direction that does not repeat begins where it began.

    Args:
        maps: [H, W] or [H, W, C] each, the colour first.
    """
    height, width = maps[0].shape[:2]
    worst = np.zeros((height if borders.y else 1, width if borders.x else 1), np.float32)
    # Of a large tile, not every line is tried.
    down, right = (max(1, side // TRIED) for side in worst.shape)
    worst = worst[::down, ::right].copy()
    for number, each in enumerate(maps):
        rows, columns = _steps(each)
        total = rows.sum() + columns.sum()
        if total == 0:
            continue
        tried = rows[: len(worst) * down : down, None], columns[None, : worst.shape[1] * right : right]
        across = np.add(*tried).astype(np.float32)
        steps = (height - 1) * width + height * (width - 1)
        ratio = across / (total - across) * np.float32(steps / (height + width))
        off = np.abs(np.log(np.maximum(ratio, 1e-6)))
        if number == 0:
            off[off > HARMLESS] += BEYOND
        np.maximum(worst, off, out=worst)
    row, column = np.unravel_index(int(worst.argmin()), worst.shape)
    return int(row) * down, int(column) * right


def begun_at(picture: NDArray[Any], cut: tuple[int, int]) -> NDArray[Any]:
    """[H, W, ...], beginning with the row and the column of `cut`."""
    return np.roll(picture, (-cut[0], -cut[1]), (0, 1))


def _steps(picture: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much every row, and every column, differs from the one before it, in all."""
    height, width = picture.shape[:2]
    rows, columns = np.zeros(height), np.zeros(width)
    before = picture[-1].astype(np.float32)
    for number, pixels in enumerate(picture):
        row = pixels.astype(np.float32)
        rows[number] = np.abs(row - before).sum()
        columns += np.abs(row - np.roll(row, 1, 0)).reshape(width, -1).sum(1)
        before = row
    return rows, columns
