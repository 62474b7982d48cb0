"""Surfaces that touch themselves are parted without moving anything."""

from __future__ import annotations

import numpy as np

from server.meshing.cleaning import is_watertight
from server.meshing.pinches import part_pinches
from server.meshing.surface import signed_volume

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)


def two_tetrahedra_on_one_edge() -> tuple[np.ndarray, np.ndarray]:
    """The second one lies on the other side of the edge from vertex 0 to vertex 1, and shares it."""
    mirrored = CORNERS[2:] * np.array([1, -1, -1], np.float32)
    other = np.array([0, 1, 4, 5])[FACES]
    return np.concatenate([CORNERS, mirrored]), np.concatenate([FACES, other]).astype(np.int32)


def test_two_bodies_that_share_an_edge_become_closed_each() -> None:
    vertices, triangles = two_tetrahedra_on_one_edge()
    assert not is_watertight(triangles)
    parted = part_pinches(vertices, triangles)
    assert is_watertight(parted[1])
    assert len(parted[0]) == len(vertices) + 2
    np.testing.assert_array_equal(parted[0][parted[1]], vertices[triangles])
    assert signed_volume(*parted) == signed_volume(vertices, triangles)


def test_a_surface_without_pinches_is_left_alone() -> None:
    vertices, triangles = part_pinches(CORNERS, FACES)
    assert vertices is CORNERS
    assert triangles is FACES
