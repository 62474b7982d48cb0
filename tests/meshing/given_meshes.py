"""Small meshes as an artist would hand them over."""

from __future__ import annotations

from typing import Any

import numpy as np

from server.meshing.given import GivenMesh, checked


def cube_arrays() -> dict[str, Any]:
    """A cube of side 2 whose six sides lie apart in a 3 x 2 layout, with gaps between them."""
    position, triangle, uv = [], [], []
    for side in range(6):
        axis, sign = side // 2, 1 if side % 2 else -1
        square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
        points = np.insert(square, axis, sign, axis=1)
        if (sign > 0) == (axis == 1):
            points = points[::-1]
        first = 4 * side
        position.append(points)
        triangle += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
        corner = np.array([side % 3 / 3, side // 3 / 2]) + 0.02
        place = corner + (square + 1) / 2 * [1 / 3 - 0.04, 1 / 2 - 0.04]
        uv += [place[[0, 1, 2]], place[[0, 2, 3]]]
    return {
        "position": np.concatenate(position).astype(np.float32),
        "triangle": np.array(triangle, np.int32),
        "uv": np.array(uv, np.float32),
    }


def cube() -> GivenMesh:
    return checked(cube_arrays())
