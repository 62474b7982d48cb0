"""Distances for the weights of a kernel."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from server.meshing.distances import squared_distances


@pytest.mark.parametrize("dimensions", [1, 3])
def test_squares_are_those_of_the_differences_and_never_below_zero(dimensions: int) -> None:
    draw = np.random.default_rng(0)
    points, others = (draw.uniform(-1, 1, (count, dimensions)).astype(np.float32) for count in (50, 70))
    others[:50] = points
    found = squared_distances(points, others)
    assert (found.dtype, found.shape) == (np.float32, (50, 70))
    assert found.min() >= 0
    assert np.abs(found - cdist(points, others, "sqeuclidean")).max() < 2e-6


def test_no_points_have_no_distances() -> None:
    none = np.zeros((0, 3), np.float32)
    assert squared_distances(none, none).shape == (0, 0)
