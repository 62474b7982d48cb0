"""What nobody can see into: behind its surface a field was never told to be solid, and is full of worms.

Where matter takes the light from every side, the inside is made solid; also when the hollow is open where no camera
ever looked, as an object's underside, or behind a wall that is thinner than the level and looks solid all the same,
because the haze behind it takes what it lets through.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import ndimage

from server.meshing.arrays import Bools, Floats
from server.meshing.overview import SIDE, Overview

# exp(-3): a twentieth of the light gets through.
OPAQUE = 3.0
# exp(-1), a third: enough a cell further in. Where nothing but OPAQUE counted, walls with a leak had pits, and a
# sketched house a volume IoU of .80 to .87; .83 to .88 now.
DIM = 1.0
# Half of the light. Enough for fields whose cameras all stood above the ground: nothing makes them dense below, and a
# surface cut there by what cameras see lies too high. Fields that were not made by looking would be moved by it.
HALF = np.log(2.0)
# From a cell towards its neighbours, level or upwards: objects stand on the ground, and cameras above it.
TOWARDS = [step for step in itertools.product((-1, 0, 1), (-1, 0, 1), (0, 1)) if any(step)]


def hidden_cells(overview: Overview, half_light: bool = False) -> Bools:
    """bool [SIDE, SIDE, SIDE]: cells that light reaches from none of the directions TOWARDS, and cells within those
    that no more than a third of it reaches.

    Args:
        half_light: all cells instead that no more than half of it reaches.
    """
    absorbed = np.exp(overview.log_density) * np.float32(2 / SIDE)
    least = np.full(absorbed.shape, np.inf, np.float32)
    for step in TOWARDS:
        np.minimum(least, _depth_towards(absorbed, step), out=least)
    if half_light:
        return least > HALF
    # A cell further in, or it would reach the surface itself, and move it.
    return (least > OPAQUE) | ndimage.binary_erosion(least > DIM, np.ones((3, 3, 3), bool))


def _depth_towards(absorbed: Floats, step: tuple[int, int, int]) -> Floats:
    """Optical depth between each cell and the outside, the cell itself not counted, in the direction of `step`.

    Args:
        absorbed: optical depth of each cell along its edge.
    """
    axis = next(i for i in range(3) if step[i])
    across = [step[i] for i in range(3) if i != axis]
    length = np.float32(np.linalg.norm(step))
    layers = np.moveaxis(absorbed, axis, 0)
    before = np.zeros_like(layers)
    inwards = range(SIDE - 1, -1, -1) if step[axis] > 0 else range(SIDE)
    passed = np.zeros(layers.shape[1:], np.float32)
    for i in inwards:
        before[i] = passed
        passed = _shifted(passed + length * layers[i], *across)
    return np.moveaxis(before, 0, axis)


def _shifted(layer: Floats, rows: int, columns: int) -> Floats:
    """Each value from the place `rows` and `columns` (each -1, 0 or 1) further; 0 from beyond the border."""
    padded = np.pad(layer, 1)
    return padded[1 + rows : 1 + rows + SIDE, 1 + columns : 1 + columns + SIDE]
