"""A surface that is moved has no face turned over by it, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from server.errors import Cancelled
from server.meshing.arrays import Floats, Triangles
from server.meshing.field_mesh import mesh_field
from server.meshing.unfolding import unfold
from server.recipe import MeshRecipe
from tests.meshing.fields import box, one_colour, solid


def sheet(side: int = 12) -> tuple[Floats, Triangles]:
    """A flat square of unit-sized cells, seen from above."""
    row, column = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    places = np.stack([row, column, np.zeros_like(row)], -1).reshape(-1, 3).astype(np.float32)
    first = (row * side + column)[:-1, :-1].ravel()
    halves = [[first, first + side, first + side + 1], [first, first + side + 1, first + 1]]
    return places, np.concatenate([np.stack(half, 1) for half in halves]).astype(np.int32)


def folds(vertices: Floats, triangles: Triangles) -> int:
    """Pairs of neighbours that face away from each other by more than 120 degrees."""
    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    return int((mesh.face_adjacency_angles > np.radians(120)).sum())


def test_what_was_pushed_over_its_neighbours_is_laid_out_and_the_rest_stays() -> None:
    before, triangles = sheet()
    pushed = before.copy()
    middle = 5 * 12 + 5
    pushed[middle] += (2.4, 0.3, 0)
    assert folds(pushed, triangles) > 0
    after = unfold(before, pushed, triangles)
    assert folds(after, triangles) == 0
    assert np.abs(after[:, 2]).max() < 1e-5
    far = np.abs(before[:, :2] - before[middle, :2]).max(1) > 4
    assert np.array_equal(after[far], pushed[far])


def test_a_move_that_turns_no_face_over_is_left_as_it_is() -> None:
    before, triangles = sheet()
    moved = before + np.stack([0 * before[:, 0], 0 * before[:, 0], 0.2 * before[:, 0]], 1).astype(np.float32)
    assert np.array_equal(unfold(before, moved, triangles), moved)


def bumpy(points: Floats) -> Floats:
    """A box with bumps on its sides that flattening has to take away."""
    bumps = np.sin(31 * points).sum(1) + np.cos(43 * points[:, [1, 2, 0]]).sum(1)
    distance: Floats = box(0.5, 0.4, 0.3)(points) + 0.006 * bumps.astype(np.float32)
    return distance


def test_a_finished_mesh_is_folded_next_to_nowhere() -> None:
    # A hundred pairs where flattening leaves its faces as they fall; a handful come with the bumps themselves.
    recipe = MeshRecipe(resolution=96, faces=20_000, texture_size=0)
    density = solid(bumpy, 150)
    made = mesh_field(density, one_colour(1, 0.5, 0), recipe, lambda phase, done: None, fixed_light=True).mesh
    assert folds(made.position, made.triangle) <= 5


def test_unfolding_can_be_stopped() -> None:
    def stop() -> None:
        raise Cancelled

    before, triangles = sheet(4)
    with pytest.raises(Cancelled):
        unfold(before, before, triangles, stop)
