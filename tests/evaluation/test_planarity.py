"""Planarity is the tilt of a made surface against the true planes, whatever else is wrong with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from server.evaluation.measures import match
from server.evaluation.planarity import planarity
from server.meshing.arrays import Floats, Triangles
from server.meshing.fields import from_torch
from server.meshing.surface import extract_surface
from server.world.captions import KINDS
from server.world.shapes import signed_distance

FLAT_KINDS = {"cube", "cylinder", "pyramid", "table", "chair", "car", "house"}


def true_mesh(kind: str) -> tuple[Floats, Triangles]:
    def density(points: torch.Tensor) -> torch.Tensor:
        return torch.exp((-60 * signed_distance(kind, points)).clamp(-20, 20))

    return extract_surface(from_torch(density), 96, level=1.0)


def rippled_cube(tilt: float, half: float = 0.54, ridges: int = 12) -> tuple[Floats, Triangles]:
    """Six sides folded into ridges whose flanks all lean by `tilt` degrees."""
    line = np.linspace(-half, half, 2 * ridges + 1)
    height = np.where(np.arange(len(line)) % 2, np.diff(line)[0] * np.tan(np.radians(tilt)), 0.0)
    sides = []
    for axis in np.vstack([np.eye(3), -np.eye(3)]):
        along, across = np.roll(axis, 1), np.cross(axis, np.roll(axis, 1))
        grid = (
            along * line[:, None, None]
            + across * (half * np.array([-1, 1]))[:, None]
            + axis * (half + height)[:, None, None]
        )
        first = 2 * np.arange(2 * ridges)
        faces = np.vstack(
            [np.stack([first, first + 2, first + 3], 1), np.stack([first, first + 3, first + 1], 1)],
        )
        sides.append(trimesh.Trimesh(grid.reshape(-1, 3), faces, process=False))
    cube = trimesh.util.concatenate(sides)
    return cube.vertices.astype(np.float32), cube.faces.astype(np.int32)


@pytest.mark.parametrize("tilt", [0.0, 2.0, 12.0])
def test_ridges_on_a_cube_are_measured_by_their_tilt(tilt: float) -> None:
    assert planarity(match(rippled_cube(tilt), true_mesh("cube")), "cube") == pytest.approx(tilt, abs=0.01)


def test_a_perfect_cube_of_another_size_is_perfectly_flat() -> None:
    larger = trimesh.creation.box((1.2, 1.2, 1.2))
    made = larger.vertices.astype(np.float32), larger.faces.astype(np.int32)
    assert planarity(match(made, true_mesh("cube")), "cube") == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_true_objects_are_flat_where_they_have_flat_sides_and_the_others_have_no_figure(kind: str) -> None:
    true = true_mesh(kind)
    measured = planarity(match(true, true), kind)
    if kind in FLAT_KINDS:
        assert measured == pytest.approx(0, abs=0.1)
    else:
        assert measured is None


def test_the_underside_that_no_camera_sees_does_not_count() -> None:
    vertices, triangles = rippled_cube(0.0)
    crumpled = vertices.copy()
    below = vertices[:, 2] < -0.539
    crumpled[below, 2] -= np.random.default_rng(0).random(below.sum()).astype(np.float32) / 5
    true = true_mesh("cube")
    assert planarity(match((crumpled, triangles), true), "cube") == pytest.approx(0, abs=0.01)
