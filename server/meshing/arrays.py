"""A mesh as plain arrays. Free of torch, so that a worker can write one before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Triangles = NDArray[np.int32]


@dataclass(frozen=True)
class MeshArrays:
    """A mesh as it travels: Blender axes, Z up.

    Attributes:
        position: float32 [V, 3].
        triangle: int32 [F, 3], anticlockwise seen from outside.
        colour: uint8 [V, 4], sRGB, alpha 255.
    """

    position: NDArray[np.float32]
    triangle: NDArray[np.int32]
    colour: NDArray[np.uint8]


def area_vectors(corners: NDArray[Any]) -> NDArray[Any]:
    """Normals of faces whose corners are [F, 3, 3], twice as long as their areas, [F, 3]."""
    vectors: NDArray[Any] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return vectors


def save_npz(mesh: MeshArrays, file: BinaryIO, uv: NDArray[np.float32] | None = None) -> None:
    """Uncompressed arrays `position`, `triangle`, `colour`, with a texture also `uv` [F, 3, 2]; read with
    allow_pickle=False."""
    arrays: dict[str, Any] = {"position": mesh.position, "triangle": mesh.triangle, "colour": mesh.colour}
    if uv is not None:
        arrays["uv"] = uv
    np.savez(file, **arrays)
