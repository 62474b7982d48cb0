"""A coarse look finds the object and the density at which cameras see its surface."""

from __future__ import annotations

import numpy as np
import pytest

from server.errors import JobFailed
from server.meshing.overview import choose_level, survey
from server.meshing.surface import extract_surface
from tests.meshing.fields import ball, box, mug, solid, union


def test_cells_known_empty_are_never_evaluated() -> None:
    occupied = np.zeros((16, 16, 16), bool)
    occupied[9:] = True
    lowest = np.inf

    def density(points: np.ndarray) -> np.ndarray:
        nonlocal lowest
        lowest = min(lowest, float(points[:, 0].min()))
        return solid(union(ball(0.2, (0.5, 0, 0)), ball(0.2, (-0.5, 0, 0))))(points)

    overview = survey(density, occupied)
    assert lowest > -0.01
    assert np.argwhere(overview.log_density > 0)[:, 0].min() > 32


@pytest.mark.parametrize("constant", [2.5, 20.0, 300.0])
def test_the_level_lies_below_the_density_of_an_opaque_object(constant: float) -> None:
    """However thin its matter is, as long as cameras cannot see through it."""

    def density(points: np.ndarray) -> np.ndarray:
        return np.where(ball(0.6)(points) < 0, constant, 0).astype(np.float32)

    level = choose_level(density, survey(density))
    assert 0.01 * constant < level < constant


def test_fog_around_an_object_stays_out() -> None:
    def density(points: np.ndarray) -> np.ndarray:
        return np.maximum(solid(ball(0.4), sharpness=250)(points), np.where(ball(0.9)(points) < 0, 0.25, 0))

    vertices, _ = extract_surface(density, 48, choose_level(density, survey(density)))
    assert np.linalg.norm(vertices, axis=1) == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("distance", [ball(0.6), box(0.5, 0.3, 0.4), mug])
@pytest.mark.parametrize("sharpness", [20.0, 60.0, 250.0])
def test_the_surface_lies_where_rays_are_half_absorbed(distance, sharpness: float) -> None:
    """Soft fields, too: a ray that grazes the surface of a soft field passes a long way through thin matter."""
    density = solid(distance, sharpness)
    vertices, _ = extract_surface(density, 48, choose_level(density, survey(density)))
    assert abs(float(np.median(distance(vertices)))) < 0.06 * 20 / sharpness + 0.01


@pytest.mark.parametrize("value", [0.0, 0.2])
def test_a_field_that_hides_nothing_holds_nothing_solid(value: float) -> None:
    def density(points: np.ndarray) -> np.ndarray:
        return np.full(len(points), value, np.float32)

    with pytest.raises(JobFailed) as caught:
        choose_level(density, survey(density))
    assert caught.value.code == "nothing-solid"
    assert caught.value.hint
