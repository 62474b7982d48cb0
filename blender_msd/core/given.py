"""A mesh of the artist's -> the file in which the server takes it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sent import Sent


@dataclass(frozen=True)
class Given:
    """A mesh as its object stands in the scene: Z up, the front looks along -Y.

    Attributes:
        position: float32 [V, 3].
        triangle: int32 [F, 3].
        uv: float32 [F, 3, 2] of the faces' corners, v upward.
        normal: float32 [F, 3, 3] at the corners; None leaves them to the server.
        chosen: bool [F], the faces that are to be textured.
        before: uint8 [H, W, 3], sRGB, top row first: what the other faces show and keep; None when all are chosen.
        notes: what of it was not taken as it is, in sentences.
    """

    position: NDArray[np.float32]
    triangle: NDArray[np.int32]
    uv: NDArray[np.float32]
    normal: NDArray[np.float32] | None
    chosen: NDArray[np.bool_]
    before: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()

    def packed(self) -> Sent:
        """Its `.npz`."""
        arrays: dict[str, Any] = {name: value for name, value in vars(self).items() if name != "notes"}
        file = io.BytesIO()
        np.savez(file, **{name: value for name, value in arrays.items() if value is not None})
        return Sent("meshes", file.getvalue())


def placed(
    position: NDArray[np.float32], normal: NDArray[np.float32], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, bool]:
    """A mesh where its object stands.

    Args:
        position: [V, 3]; normal: [N, 3]; matrix: [4, 4] of the object.

    Returns:
        Positions and normals, which are None when the object is flattened; and whether the matrix mirrors, which turns
        every face inside out.
    """
    linear = matrix[:3, :3]
    moved = (position @ linear.T + matrix[:3, 3]).astype(np.float32)
    volume = float(np.linalg.det(linear))
    if not np.isfinite(volume) or volume == 0:
        return moved, None, False
    turned = normal @ np.linalg.inv(linear)
    turned /= np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-12)
    return moved, turned.astype(np.float32), volume < 0
