"""A mesh as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
