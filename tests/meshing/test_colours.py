"""Vertex colours are what a camera sees."""

from __future__ import annotations

import numpy as np
import pytest

from server.meshing.colours import vertex_colours
from server.meshing.surface import extract_surface
from server.meshing.tangents import smooth_normals
from tests.meshing.fields import LEVEL, ball, position_as_colour, solid


def test_normals_point_outward() -> None:
    vertices, triangles = extract_surface(solid(ball(0.6)), 48, LEVEL)
    assert (smooth_normals(vertices, triangles) * vertices / 0.6).sum(1).min() > 0.99


def test_colours_follow_the_field() -> None:
    vertices, triangles = extract_surface(solid(ball(0.6)), 48, LEVEL)
    colours = vertex_colours(solid(ball(0.6)), position_as_colour, vertices, triangles)
    assert np.abs(colours - position_as_colour(vertices)).max() < 0.03


def test_a_painted_skin_hides_what_is_below_it() -> None:
    """Red skin, blue inside, and a faint green haze outside that no camera notices."""
    density = solid(ball(0.6), sharpness=300)
    vertices, triangles = extract_surface(density, 48, LEVEL)

    def colour(points: np.ndarray) -> np.ndarray:
        radius = np.linalg.norm(points, axis=1)
        return np.stack([(radius > 0.575) & (radius < 0.605), radius > 0.605, radius < 0.575], -1).astype(np.float32)

    seen = vertex_colours(density, colour, vertices, triangles).mean(0)
    assert seen[0] == pytest.approx(1, abs=0.12)
    assert seen[1] < 0.05
