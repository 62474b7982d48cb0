"""Reduction meets the face budget without opening the surface or changing the shape."""

from __future__ import annotations

import numpy as np
import pytest

from server.meshing import reduction
from server.meshing.arrays import Floats, Triangles
from server.meshing.cleaning import clean, is_watertight
from server.meshing.surface import extract_surface, signed_volume
from tests.meshing.fields import LEVEL, ball, mug, solid, union


@pytest.fixture(scope="module")
def raw() -> tuple[Floats, Triangles]:
    return clean(*extract_surface(solid(mug), 64, LEVEL))


@pytest.mark.parametrize("faces", [500, 2000, 10_000])
def test_the_budget_is_met_and_the_mesh_stays_closed(raw: tuple[Floats, Triangles], faces: int) -> None:
    vertices, triangles, note = reduction.reduce(*raw, faces)
    assert note == ""
    assert 0.95 * faces <= len(triangles) <= faces
    assert is_watertight(triangles)
    assert signed_volume(vertices, triangles) == pytest.approx(signed_volume(*raw), rel=0.02)
    assert triangles.max() == len(vertices) - 1


@pytest.mark.parametrize("faces", [0, 10_000_000])
def test_zero_and_a_generous_budget_keep_the_mesh_as_it_is(raw: tuple[Floats, Triangles], faces: int) -> None:
    vertices, triangles, note = reduction.reduce(*raw, faces)
    assert (vertices is raw[0], triangles is raw[1], note) == (True, True, "")


def test_a_budget_too_small_for_the_shape_is_backed_off_from_and_said(raw: tuple[Floats, Triangles]) -> None:
    """Two faces cannot enclose anything."""
    vertices, triangles, note = reduction.reduce(*raw, 2)
    assert is_watertight(triangles)
    assert signed_volume(vertices, triangles) == pytest.approx(signed_volume(*raw), rel=0.2)
    assert str(len(triangles)) in note


def test_an_open_mesh_is_reduced_all_the_same(raw: tuple[Floats, Triangles]) -> None:
    vertices, triangles = raw
    centre = vertices[triangles].mean(1)
    _, fewer, note = reduction.reduce(vertices, np.ascontiguousarray(triangles[centre[:, 0] > 0]), 2000)
    assert note == ""
    assert 0 < len(fewer) <= 2000


@pytest.mark.parametrize(("patience", "attempts"), [(10, 5), (2.5, 3), (0.1, 2)])
def test_the_larger_a_surface_that_breaks_the_fewer_the_attempts(
    raw: tuple[Floats, Triangles], patience: float, attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(reduction, "_same_solid", lambda before, after: tried.append(after))
    monkeypatch.setattr(reduction, "MOST_FACES_TRIED", int(patience * len(raw[1])))
    _, triangles, note = reduction.reduce(*raw, 500)
    assert len(tried) == attempts
    assert len(triangles) == len(raw[1])
    assert str(len(triangles)) in note


def test_thin_sheets_leave_no_faces_back_to_back() -> None:
    """Blender takes one of two such faces away, and leaves a hole."""
    centres = np.random.default_rng(0).uniform(-0.6, 0.6, (40, 3))
    bubbles = union(*(ball(0.12, tuple(centre)) for centre in centres))
    raw = extract_surface(solid(lambda points: np.abs(bubbles(points)) - 0.012, 150), 72, LEVEL)
    _, triangles, _ = reduction.reduce(*raw, 4000)
    assert len(np.unique(np.sort(triangles, axis=1), axis=0)) == len(triangles)
    assert is_watertight(triangles)
