"""How meshing sees a radiance field: two callables over points, whatever computes them.

Field axes: Z up, the object's front towards +X, the object inside the unit ball.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from server.errors import JobFailed
from server.meshing.arrays import Floats

Density = Callable[[Floats], Floats]
"""density(points float32 [N, 3] in [-1, 1]^3) -> float32 [N], volume density >= 0 per unit length."""

Colour = Callable[[Floats], Floats]
"""colour(points float32 [N, 3] in [-1, 1]^3) -> float32 [N, 3], display colour (sRGB) in [0, 1]."""

# Points handed to a field at once: enough to keep vector units busy, little enough to stay near the cache.
CHUNK = 1 << 16


def from_torch(function: Callable[[Tensor], Tensor], device: str = "cpu") -> Callable[[Floats], Floats]:
    """A Density or Colour from a function of tensors on `device`; no graph is recorded."""

    def of_arrays(points: Floats) -> Floats:
        with torch.no_grad():
            values: Floats = function(torch.from_numpy(points).to(device)).float().cpu().numpy()
        return values

    return of_arrays


def asking(function: Callable[[Floats], Floats], ask: Callable[[], Any]) -> Callable[[Floats], Floats]:
    """The same function, which asks before every evaluation whether to go on."""

    def asked_first(points: Floats) -> Floats:
        ask()
        return function(points)

    return asked_first


def in_chunks(function: Callable[[Floats], Floats], points: Floats, columns: int = 0) -> Floats:
    """Evaluate `function` over [N, 3] points, CHUNK at a time; returns [N], or [N, columns].

    Raises:
        JobFailed: "field-broken" when a value is not a number.
    """
    result = np.empty((len(points), columns) if columns else len(points), np.float32)
    for start in range(0, len(points), CHUNK):
        part = slice(start, start + CHUNK)
        result[part] = function(points[part])
    if np.isnan(result).any():
        raise JobFailed(
            "field-broken",
            "The radiance field holds values that are not numbers.",
            "Run the job again with another seed or a lower guidance scale.",
        )
    return result
