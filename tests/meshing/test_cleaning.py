"""Cleaning removes what an artist would remove by hand, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from server.meshing.cleaning import (
    clean,
    drop_degenerate,
    drop_folds,
    drop_small_components,
    is_watertight,
    taubin_smooth,
)
from server.meshing.surface import extract_surface, signed_volume
from tests.meshing.fields import LEVEL, ball, box, solid, union


def test_dust_is_dropped_and_the_largest_part_stays() -> None:
    vertices, triangles = extract_surface(solid(union(ball(0.5), ball(0.04, (0.7, 0.5, 0)))), 64, LEVEL)
    kept, faces = drop_small_components(vertices, triangles, 0.02)
    assert len(faces) < len(triangles)
    assert np.linalg.norm(kept, axis=1) == pytest.approx(0.5, abs=0.01)


def test_two_large_parts_both_stay() -> None:
    vertices, triangles = extract_surface(solid(union(ball(0.3, (0.5, 0, 0)), ball(0.2, (-0.5, 0, 0)))), 64, LEVEL)
    kept, _ = clean(vertices, triangles)
    assert kept[:, 0].min() < -0.65
    assert kept[:, 0].max() > 0.75


def test_the_largest_part_stays_even_when_all_parts_are_small() -> None:
    vertices = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    triangles = np.arange(300, dtype=np.int32).reshape(100, 3)
    _, faces = drop_small_components(vertices, triangles, 0.5)
    assert len(faces) == 1


def test_faces_that_name_a_vertex_twice_go_and_loose_vertices_with_them() -> None:
    vertices = np.eye(4, 3, dtype=np.float32)
    kept, faces = drop_degenerate(vertices, np.array([[0, 1, 2], [3, 3, 1]], np.int32))
    assert faces.tolist() == [[0, 1, 2]]
    assert len(kept) == 3


def test_two_faces_back_to_back_go_and_what_was_closed_stays_closed() -> None:
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    fold = np.array([[1, 2, 4], [4, 2, 1]], np.int32)
    vertices = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    kept, faces = drop_folds(vertices, np.concatenate([tetrahedron, fold]))
    assert np.array_equal(kept, vertices[:4])
    assert np.array_equal(faces, tetrahedron)
    assert is_watertight(faces)


def test_an_empty_mesh_has_no_folds() -> None:
    kept, faces = drop_folds(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    assert len(kept) == len(faces) == 0


@pytest.mark.parametrize("distance", [ball(0.6), box(0.5, 0.3, 0.4)])
def test_smoothing_does_not_shrink(distance) -> None:
    vertices, triangles = extract_surface(solid(distance), 64, LEVEL)
    smooth = taubin_smooth(vertices, triangles, 2)
    assert signed_volume(smooth, triangles) == pytest.approx(signed_volume(vertices, triangles), rel=0.003)
    assert np.abs(smooth).max() > np.abs(vertices).max() - 0.01


def test_smoothing_takes_away_roughness() -> None:
    vertices, triangles = extract_surface(solid(ball(0.6)), 48, LEVEL)
    rough = vertices + np.random.default_rng(0).normal(0, 0.004, vertices.shape).astype(np.float32)
    smooth = taubin_smooth(rough, triangles, 2)
    spread = [np.std(np.linalg.norm(points, axis=1)) for points in (rough, smooth)]
    assert spread[1] < 0.75 * spread[0]


def test_an_open_mesh_is_not_called_watertight() -> None:
    _, triangles = extract_surface(solid(ball(0.6)), 32, LEVEL)
    assert is_watertight(triangles)
    assert not is_watertight(triangles[1:])
    flipped = triangles.copy()
    flipped[0] = flipped[0, ::-1]
    assert not is_watertight(flipped)
