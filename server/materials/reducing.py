"""Smaller copies of large pictures, and smooth fields made large again."""

from __future__ import annotations

import numpy as np

from server.materials.borders import Borders, Floats

# Pixels along the shorter side that are enough for what is smooth.
ENOUGH = 1024


def reduction(picture: Floats) -> int:
    """How many pixels along a side become one: the most that divide both sides and leave ENOUGH."""
    height, width = picture.shape[:2]
    most = max(1, min(height, width) // ENOUGH)
    return next(step for step in range(most, 0, -1) if height % step == 0 and width % step == 0)


def reduced(picture: Floats, step: int) -> Floats:
    """[H / step, W / step, C], each pixel the mean of step x step pixels of [H, W, C]."""
    if step == 1:
        return picture
    height, width, channels = picture.shape
    means: Floats = picture.reshape(height // step, step, width // step, step, channels).mean((1, 3))
    return means


def enlarged(field: Floats, step: int, borders: Borders) -> Floats:
    """[H * step, W * step] between the pixels of [H, W], which lie in the middle of step x step pixels."""
    for axis, repeats in ((0, borders.y), (1, borders.x)):
        if step > 1:
            field = _enlarged(field, step, axis, repeats)
    return field


def _enlarged(field: Floats, step: int, axis: int, repeats: bool) -> Floats:
    count = field.shape[axis]
    place = (np.arange(count * step) + 0.5) / step - 0.5
    before = np.floor(place).astype(int)
    share = (place - before).astype(np.float32)
    share = share[:, None] if axis == 0 else share
    sides = [line % count if repeats else line.clip(0, count - 1) for line in (before, before + 1)]
    found: Floats = field.take(sides[0], axis) * (1 - share) + field.take(sides[1], axis) * share
    return found
