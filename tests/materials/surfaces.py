"""Surfaces whose height is known: patterns of the procedural world in relief, lit by a lamp from the side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from server.materials.borders import Borders
from server.world.captions import Caption
from server.world.patterns import FIELDS, paint, two_colours

Floats = NDArray[np.float32]

# How high the field is on faces, at least; in joints it is 0. Bricks, tiles and boards are level.
RELIEF = {"bricks": 0.76, "tiles": 0.65, "planks": 0.45, "cobblestone": 1.0, "weave": 1.0, "scales": 1.0}
DEPTH = 0.02  # of a window
BEVEL = 0.006  # of a window
LAMP = (0.5, -0.45, 0.74)  # towards it: x to the right, y downwards, z towards the eye
AMBIENT = 0.4


@dataclass(frozen=True)
class Surface:
    """A picture float32 [S, S, 3] in [0, 1] of a surface, what it would be without light, and its true shape.

    Attributes:
        height: [S, S] in windows.
        normal: [S, S, 3], unit vectors; x to the right, y upwards.
    """

    picture: Floats
    paint: Floats
    height: Floats
    normal: Floats


def field_of(pattern: str, size: int, repeats: bool, seed: int = 0, bent: float = 0.0) -> Floats:
    """A pattern's field, float32 [size, size] over one window; one that repeats is faded into itself at its end.

    Args:
        bent: how far, in windows, straight lines swing to both sides.
    """
    fade = 0.2 if repeats else 0.0
    line = (torch.arange(round(size * (1 + fade)) * 2) + 0.5) / (2 * size)
    v, u = torch.meshgrid(line, line, indexing="ij")
    swing = [bent * torch.sin(2 * torch.pi * line) for line in (v, u)]
    field = FIELDS[pattern](u + swing[0] + seed, v + swing[1] + seed, torch.tensor(float(seed)))
    field = torch.nn.functional.avg_pool2d(field[None], 2)[0].numpy()
    for _ in range(2):
        if len(field) > size:
            share = np.linspace(0, 1, len(field) - size, dtype=np.float32)[:, None]
            field = np.concatenate([share * field[: len(share)] + (1 - share) * field[size:], field[len(share) : size]])
        field = field.T
    return np.ascontiguousarray(field)


def surface_of(caption: Caption, size: int = 256, repeats: bool = True, seed: int = 0) -> Surface:
    """One window of a pattern in relief."""
    borders = Borders(repeats, repeats)
    field = field_of(caption.name, size, repeats, seed)
    height = DEPTH * borders.blurred(np.minimum(field / RELIEF[caption.name], 1), BEVEL * size)
    right, down = (slope * size for slope in borders.slopes(height))
    normal = np.stack([-right, down, np.ones_like(right)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    lamp = np.array(LAMP, np.float32) * [1, -1, 1] / np.linalg.norm(LAMP)
    lit = AMBIENT + (1 - AMBIENT) * np.maximum(normal @ lamp, 0) / lamp[2]
    plain = paint(torch.from_numpy(field)[None], two_colours(caption))[0].permute(1, 2, 0).numpy()
    return Surface(np.clip(plain * lit[..., None], 0, 1).astype(np.float32), plain, height, normal.astype(np.float32))
