"""How far many points are from many others."""

from __future__ import annotations

import numpy as np

from server.meshing.arrays import Floats


def squared_distances(points: Floats, others: Floats) -> Floats:
    """float32 [N, M] between points [N, D] and [M, D].

    As |p|^2 + |q|^2 - 2 p.q, one matrix product: several times faster than differences, and off by some 1e-7 of the
    largest |p|^2. For the weights of a kernel, not for telling close points apart.
    """
    one, other = points.astype(np.float32), others.astype(np.float32)
    left = np.concatenate([one, np.square(one).sum(1, keepdims=True), np.ones((len(one), 1), np.float32)], 1)
    right = np.concatenate(
        [-2 * other, np.ones((len(other), 1), np.float32), np.square(other).sum(1, keepdims=True)], 1
    )
    squares: Floats = left @ right.T
    return np.maximum(squares, 0, out=squares)
