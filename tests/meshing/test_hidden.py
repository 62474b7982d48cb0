"""What light cannot reach is solid; what it can reach keeps its shape, also from below the rim."""

from __future__ import annotations

import numpy as np

from server.meshing.arrays import Floats
from server.meshing.field_mesh import mesh_field
from server.meshing.fields import Density
from server.meshing.hidden import hidden_cells
from server.meshing.overview import SIDE, survey
from server.meshing.surface import extract_surface, signed_volume
from server.recipe import MeshRecipe
from tests.meshing.fields import LEVEL, ball, box, mug, one_colour, solid

CENTRES = (np.arange(SIDE) + 0.5) * (2 / SIDE) - 1


def wormy(outside: Density, thickness: float = 0.1) -> Density:
    """A shell without an underside, round an inside that is now above and now below the level."""

    def density(points: Floats) -> Floats:
        worms = LEVEL * np.exp(np.sin(40 * points[:, 0]) + np.sin(40 * points[:, 1]) - 0.5)
        distance = outside(points)
        open_below = points[:, 2] < -0.4
        return np.where(distance > 0, 0, np.where((distance > -thickness) & ~open_below, 200, worms)).astype(np.float32)

    return density


def test_worms_behind_a_surface_are_gone_even_when_they_come_out_at_the_bottom() -> None:
    vertices, triangles = extract_surface(wormy(box(0.5, 0.5, 0.5)), 64, LEVEL)
    deep = (np.abs(vertices) < 0.35).all(1)
    assert not deep.any()
    assert abs(signed_volume(vertices, triangles) - 1.0) < 0.06


def leaky(points: Floats) -> Floats:
    """A box with thick walls and a window in one of them that only haze closes, thinner than the level."""
    wall = box(0.5, 0.5, 0.5)(points)
    window = (points[:, 0] > 0) & (np.abs(points[:, 1:]) < 0.2).all(1)
    matter = np.where((wall > -0.15) & ~window, 200, 0.6 * LEVEL)
    return np.where(wall > 0, 0, matter).astype(np.float32)


def test_a_window_that_only_haze_closes_is_no_pit() -> None:
    vertices, triangles = extract_surface(leaky, 64, LEVEL)
    assert abs(signed_volume(vertices, triangles) - 1.0) < 0.06


def test_the_inside_of_a_solid_is_hidden_and_its_surface_is_not() -> None:
    hidden = hidden_cells(survey(solid(ball(0.6))))
    at = np.stack(np.meshgrid(CENTRES, CENTRES, CENTRES, indexing="ij"), -1)
    radius = np.linalg.norm(at, axis=-1)
    assert hidden[radius < 0.45].all()
    assert not hidden[radius > 0.65].any()


def test_what_can_be_looked_into_is_not_hidden() -> None:
    hidden = hidden_cells(survey(solid(mug)))
    inside = solid(mug)
    # Straight down the middle of the mug there is air until its floor.
    middle = SIDE // 2
    column = np.stack([np.full(SIDE, CENTRES[middle]), np.full(SIDE, CENTRES[middle]), CENTRES], -1).astype(np.float32)
    air = inside(column) < LEVEL
    above_the_floor = np.arange(SIDE) > np.flatnonzero(~air).max()
    assert not hidden[middle, middle][above_the_floor].any()


def test_thin_fog_hides_nothing() -> None:
    hidden = hidden_cells(survey(lambda points: np.full(len(points), 1.0, np.float32)))
    assert not hidden.any()


def faint_below(points: Floats) -> Floats:
    """A box that is only as dense near the ground as it must be to look solid from the side."""
    matter = np.where(points[:, 2] < -0.4, 0.5 * LEVEL, 30)
    return np.where(box(0.5, 0.5, 0.5)(points) > 0, 0, matter).astype(np.float32)


def height(level: float | None) -> float:
    """Of the finished mesh of a field that was made by looking, beside its width."""
    recipe = MeshRecipe(resolution=64, faces=4000, texture_size=0, level=level)
    made = mesh_field(faint_below, one_colour(1, 1, 1), recipe, lambda phase, done: None, fixed_light=True)
    size = np.ptp(made.mesh.position, axis=0)
    return float(size[2] / size[:2].max())


def test_a_side_that_no_camera_saw_is_where_light_ends_unless_a_level_was_chosen() -> None:
    assert height(None) > 0.95
    assert height(LEVEL) < 0.93


def test_a_round_underside_stays_round() -> None:
    vertices, _ = extract_surface(solid(ball(0.6)), 64, LEVEL)
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.6).max() < 0.02
