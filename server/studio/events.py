"""What a running optimisation tells the outside, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.meshing.arrays import MeshArrays


@dataclass(frozen=True)
class Progress:
    """Where the job stands.

    Attributes:
        phase: "Loading", "Shaping", "Painting", "Painting again", "Surface", "Clean-up", "Reduce", "Colour", "Unwrap",
            "Bake", "Saving", "Done".
        fraction: of the whole job, in [0, 1], never falling.
        step, steps: optimisation steps done and planned; 0 outside the optimisation.
        seconds_left: estimate for the whole job, or None while nothing was measured yet.
        denoiser_calls: network evaluations so far, guidance branches counted.
        q, shell_ratio: of the newest step, as studio/climb.py's Step has them; None outside the optimisation.
    """

    phase: str
    fraction: float
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    denoiser_calls: int = 0
    q: float | None = None
    shell_ratio: float | None = None


@dataclass(frozen=True)
class PreviewMesh:
    mesh: MeshArrays


@dataclass(frozen=True)
class PreviewImage:
    """uint8 [H, W, 3] sRGB, row 0 at the top: the texture, or an object from its four sides."""

    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class Log:
    level: str  # "info" | "warning"
    message: str


Event = Progress | PreviewMesh | PreviewImage | Log
OnEvent = Callable[[Event], None]
