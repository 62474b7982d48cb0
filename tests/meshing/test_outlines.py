"""What is round lies where cameras see its outline, and what is flat where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from server.errors import Cancelled
from server.meshing.arrays import Floats, Triangles
from server.meshing.outlines import SOLID, fit_outlines, see_outlines
from server.meshing.overview import survey
from server.meshing.surface import extract_surface
from tests.meshing.fields import ball, box, solid

SHARPNESS = 60.0
HALF = (0.5, 0.4, 0.3)


def outline_of_ball(radius: float) -> float:
    """How far from its middle a ray passes a soft ball that absorbs SOLID of it."""
    along = np.linspace(-1, 1, 4001)
    far = np.linspace(0, 1, 2001)
    points = np.stack(np.broadcast_arrays(far[:, None], along, 0.0), -1).reshape(-1, 3).astype(np.float32)
    depth = solid(ball(radius), SHARPNESS)(points).reshape(len(far), -1).sum(1) * (along[1] - along[0])
    return float(far[np.flatnonzero(1 - np.exp(-depth) > SOLID)[-1]])


def sphere(radius: float) -> tuple[Floats, Triangles]:
    mesh = trimesh.creation.icosphere(4, radius)
    return mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)


def box_surface() -> tuple[Floats, Triangles]:
    return extract_surface(solid(box(*HALF), 250), 64, 4.0)


def on_the_side(vertices: Floats, axis: int, sign: int, margin: float = 0.15) -> np.ndarray:
    """Which vertices lie on the middle of a box's side."""
    others = [i for i in range(3) if i != axis]
    inner = np.all([np.abs(vertices[:, i]) < HALF[i] - margin for i in others], axis=0)
    return inner & (vertices[:, axis] * sign > HALF[axis] - 0.05)


@pytest.mark.parametrize("wrong", [-0.02, 0.0, 0.02])
def test_a_balls_outlines_are_seen_where_rays_are_absorbed(wrong: float) -> None:
    radius = outline_of_ball(0.3) + wrong
    density = solid(ball(0.3), SHARPNESS)
    seen = see_outlines(density, survey(density), *sphere(radius))
    assert len(seen.offset) > 500
    assert np.median(seen.offset) == pytest.approx(-wrong, abs=0.004)
    assert np.std(seen.offset) < 0.006
    from_the_middle = seen.place / np.linalg.norm(seen.place, axis=1, keepdims=True)
    assert np.einsum("ni,ni->n", seen.outward, from_the_middle).min() > 0.8


@pytest.mark.parametrize("wrong", [-0.02, 0.02])
def test_what_is_round_is_moved_to_its_outlines(wrong: float) -> None:
    wanted = outline_of_ball(0.3)
    density = solid(ball(0.3), SHARPNESS)
    vertices, triangles = sphere(wanted + wrong)
    moved = fit_outlines(density, survey(density), vertices, triangles)
    assert np.linalg.norm(moved, axis=1) == pytest.approx(wanted, abs=0.007)


def test_flat_sides_stay_where_they_are() -> None:
    vertices, triangles = box_surface()
    density = solid(box(*HALF), SHARPNESS)
    moved = fit_outlines(density, survey(density), vertices, triangles)
    for axis in range(3):
        for sign in (-1, 1):
            side = on_the_side(vertices, axis, sign)
            assert np.quantile(np.abs(moved[side] - vertices[side]), 0.9) < 0.0012


def test_flat_sides_are_moved_inwards_by_their_lift() -> None:
    vertices, triangles = box_surface()
    density = solid(box(*HALF), SHARPNESS)
    moved = fit_outlines(density, survey(density), vertices, triangles, lift=0.01)
    for axis in range(3):
        for sign in (-1, 1):
            side = on_the_side(vertices, axis, sign)
            inwards = (vertices - moved)[side, axis] * sign
            assert np.quantile(np.abs(inwards - 0.01), 0.9) < 0.0015


def test_it_can_be_called_off() -> None:
    def stop() -> None:
        raise Cancelled

    density = solid(ball(0.3))
    with pytest.raises(Cancelled):
        fit_outlines(density, survey(density), *sphere(0.3), should_stop=stop)


def test_an_empty_mesh_stays_empty() -> None:
    density = solid(ball(0.3))
    none = np.zeros((0, 3), np.float32)
    assert len(fit_outlines(density, survey(density), none, np.zeros((0, 3), np.int32))) == 0
