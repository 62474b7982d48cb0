"""Whether a mesh job has made anything at all, told from how its object looked before the first step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNFORMED = "unformed"
# Root mean square of the differences between pictures of four sides on white, colours in [0, 1]. Measured: samplers
# that take 25 to 31 steps (the stand-in), .003 to .006; a grey cube after 60 steps (the closed-form prior), .13, and
# all that has another colour from .16.
LEAST_CHANGE = 0.02


def is_unformed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    """Whether an object looks as it did before: of pictures [H, W, 3] in sRGB as server.studio.sides.four_sides."""
    change = (after.astype(np.float64) - before) / 255
    return bool(np.sqrt(np.square(change).mean()) < LEAST_CHANGE)


def warning_of(steps: int) -> str:
    """What is said of it, and what to try."""
    return (
        f"The object still looks as all do before the first step: {steps} steps hardly changed it. "
        "Try it with more, with a rule that asks the model less often a step, or with other words."
    )
