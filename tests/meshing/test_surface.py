"""Fields become closed surfaces of the right size, or a named error."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import JobFailed
from server.meshing import surface
from server.meshing.cleaning import is_watertight
from server.meshing.fields import Density
from server.meshing.overview import survey
from server.meshing.surface import extract_surface, fill_hollows, sample_grid, signed_volume, soften, triangulate
from tests.closeness import assert_close_to_rounding
from tests.meshing.fields import LEVEL, ball, box, mug, shell, solid

BALL_VOLUME = 4 / 3 * np.pi * 0.6**3
MUG_VOLUME = np.pi * (0.5**2 * 1.0 - 0.38**2 * 0.88)


def test_a_ball_keeps_its_radius_within_a_tenth_of_a_cell() -> None:
    vertices, _ = extract_surface(solid(ball(0.6)), 48, LEVEL)
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.6).max() < 0.1 * 1.2 / 48 * 2


@pytest.mark.parametrize(
    ("density", "volume"),
    [
        (solid(ball(0.6)), BALL_VOLUME),
        (solid(ball(0.3, (0.4, -0.3, 0.2))), 4 / 3 * np.pi * 0.3**3),
        (solid(box(0.5, 0.4, 0.3)), 0.48),
        (solid(mug), MUG_VOLUME),
    ],
)
def test_surfaces_are_closed_face_outward_and_have_the_true_volume(density: Density, volume: float) -> None:
    vertices, triangles = extract_surface(density, 64, LEVEL)
    assert is_watertight(triangles)
    assert signed_volume(vertices, triangles) == pytest.approx(volume, rel=0.03)


def test_an_enclosed_hollow_is_filled() -> None:
    vertices, triangles = extract_surface(shell(ball(0.6), 0.1), 64, LEVEL)
    assert signed_volume(vertices, triangles) == pytest.approx(BALL_VOLUME, rel=0.02)
    assert np.linalg.norm(vertices, axis=1).min() > 0.58


def test_a_hollow_that_leaks_through_a_pin_hole_is_filled() -> None:
    def density(points: np.ndarray) -> np.ndarray:
        hole = (np.hypot(points[:, 0], points[:, 1]) < 0.012) & (points[:, 2] > 0)
        return np.where(hole, 0, shell(ball(0.6), 0.1)(points)).astype(np.float32)

    vertices, triangles = extract_surface(density, 64, LEVEL)
    assert is_watertight(triangles)
    assert signed_volume(vertices, triangles) == pytest.approx(BALL_VOLUME, rel=0.02)


def test_the_inside_of_a_mug_stays_open() -> None:
    vertices, _ = extract_surface(solid(mug), 64, LEVEL)
    floor = vertices[(np.hypot(vertices[:, 0], vertices[:, 1]) < 0.2) & (np.abs(vertices[:, 2] + 0.38) < 0.02)]
    assert len(floor) > 50


def test_the_resolution_counts_cells_along_the_longest_side() -> None:
    def cells(density: Density) -> float:
        vertices, _ = extract_surface(density, 64, LEVEL)
        steps = np.diff(np.unique(np.round(vertices[:, 2], 5)))
        return (vertices[:, 2].max() - vertices[:, 2].min()) / np.median(steps[steps > 1e-3])

    # Coarse cells round the box up, so a little fewer than 64; a small object gets as many as a large one.
    assert 48 <= cells(solid(box(0.1, 0.1, 0.2))) <= 64
    assert 56 <= cells(solid(box(0.3, 0.3, 0.7))) <= 64


def test_a_field_that_fills_the_unit_ball_is_cut_smoothly_at_it() -> None:
    def density(points: np.ndarray) -> np.ndarray:
        assert np.abs(points).max() <= 1
        return np.where(np.linalg.norm(points, axis=1) <= 1, 100, 0).astype(np.float32)

    vertices, triangles = extract_surface(density, 48, LEVEL)
    assert is_watertight(triangles)
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("value", [0.0, 3.9])
def test_nothing_above_the_level_is_a_named_failure(value: float) -> None:
    with pytest.raises(JobFailed) as caught:
        extract_surface(lambda points: np.full(len(points), value, np.float32), 32, LEVEL)
    assert caught.value.code == "nothing-solid"
    assert caught.value.hint


def test_values_that_are_not_numbers_are_a_named_failure() -> None:
    def density(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 0] > 0.3, np.nan, solid(ball(0.6))(points)).astype(np.float32)

    with pytest.raises(JobFailed) as caught:
        extract_surface(density, 32, LEVEL)
    assert caught.value.code == "field-broken"


def test_infinite_density_is_solid() -> None:
    def density(points: np.ndarray) -> np.ndarray:
        return np.where(ball(0.6)(points) < 0, np.inf, 0).astype(np.float32)

    vertices, triangles = extract_surface(density, 48, LEVEL)
    assert signed_volume(vertices, triangles) == pytest.approx(BALL_VOLUME, rel=0.05)


def test_noise_gives_a_closed_mesh() -> None:
    rng = np.random.default_rng(0)
    _, triangles = extract_surface(lambda points: rng.exponential(6, len(points)).astype(np.float32), 32, LEVEL)
    assert is_watertight(triangles)


def test_only_the_neighbourhood_of_the_surface_is_evaluated() -> None:
    asked = 0

    def density(points: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(points)
        return solid(ball(0.6))(points)

    extract_surface(density, 96, LEVEL)
    # The 64^3 coarse pass inside the ball, and a layer a few coarse cells thick out of the fine grid.
    assert asked < 0.6 * 64**3 + 0.45 * 96**3


def test_softening_takes_away_grain_and_keeps_the_shape() -> None:
    rng = np.random.default_rng(0)

    def grainy(points: np.ndarray) -> np.ndarray:
        return solid(ball(0.6))(points) * np.exp(rng.normal(0, 0.7, len(points))).astype(np.float32)

    grid = fill_hollows(sample_grid(grainy, survey(solid(ball(0.6))), 64, LEVEL))
    radii = [np.linalg.norm(triangulate(each)[0], axis=1) for each in (grid, soften(grid))]
    assert radii[1].std() < 0.6 * radii[0].std()
    assert radii[1].mean() == pytest.approx(0.6, abs=0.005)


def test_softening_keeps_walls_two_samples_thick() -> None:
    grid = fill_hollows(
        sample_grid(solid(box(0.6, 0.6, 0.02), 400), survey(solid(box(0.6, 0.6, 0.02), 400)), 64, LEVEL)
    )
    vertices, triangles = triangulate(soften(grid))
    assert is_watertight(triangles)
    assert np.ptp(vertices, 0)[:2] == pytest.approx([1.2, 1.2], abs=0.05)


@pytest.mark.parametrize("limit", ["MOST_SAMPLES", "MOST_FACES"])
def test_more_surface_than_memory_can_hold_is_refused_before_it_is_made(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface, limit, 3000)
    monkeypatch.setattr(surface.mcubes, "marching_cubes", None)
    with pytest.raises(JobFailed) as caught:
        extract_surface(solid(ball(0.6)), 64, LEVEL)
    assert caught.value.code == "surface-too-noisy"
    assert "lower resolution" in caught.value.hint


def test_samples_taken_in_parts_give_the_same_surface(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = extract_surface(solid(mug), 32, LEVEL)
    monkeypatch.setattr(surface, "SAMPLES_AT_ONCE", 1000)
    parts = extract_surface(solid(mug), 32, LEVEL)
    assert_close_to_rounding(parts[0], whole[0])
    assert np.array_equal(whole[1], parts[1])
