"""What looks at the ground was seen by no camera: it has the paint of the sides around, in the light from below."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from server.meshing.arrays import Floats
from server.meshing.field_mesh import FieldMesh, mesh_field
from server.meshing.underside import Underside
from server.recipe import MeshRecipe
from server.world.lamp import brightness
from tests.meshing.fields import box, solid

SIZES = (0.5, 0.4, 0.3)
PAINT = np.array([0.6, 0.3, 0.2], np.float32)
# What a field says where nobody ever looked.
GUESS = np.array([0.9, 0.5, 0.35], np.float32)
DOWN = np.array([[0, 0, -1]], np.float32)


def light(outward: Floats) -> Floats:
    found: Floats = brightness(torch.from_numpy(outward)).numpy()
    return found


def lit_box(points: Floats) -> Floats:
    """Lit as the priors' pictures are, but for the side below."""
    share = np.abs(points) / np.array(SIZES, np.float32)
    axis = share.argmax(1)
    normals = np.zeros_like(points)
    normals[np.arange(len(points)), axis] = np.sign(points[np.arange(len(points)), axis])
    colours: Floats = PAINT * light(normals)[:, None]
    colours[normals[:, 2] < -0.5] = GUESS
    return colours


def made(fixed_light: bool, texture_size: int = 0) -> FieldMesh:
    # With a level of its own the surface is the same in any light.
    recipe = MeshRecipe(resolution=64, faces=2000, texture_size=texture_size, level=4.0)
    density = partial(solid, sharpness=250)(box(*SIZES))
    return mesh_field(density, lit_box, recipe, lambda phase, done: None, fixed_light=fixed_light)


def below(result: FieldMesh) -> Floats:
    """Colours [N, 3] of the vertices on the middle of the ground side, in Blender's axes."""
    place = result.mesh.position
    middle = (place[:, 2] < 0.01) & (np.abs(place[:, 0]) < 0.25) & (np.abs(place[:, 1]) < 0.25)
    assert middle.sum() > 5
    colours: Floats = (result.mesh.colour[middle, :3] / 255).astype(np.float32)
    return colours


def test_the_ground_side_is_as_dark_as_its_paint_would_be_in_that_light() -> None:
    wanted = PAINT * light(DOWN)[0]
    assert np.abs(below(made(fixed_light=True)) - wanted).max() < 0.03
    assert np.abs(below(made(fixed_light=False)) - GUESS).max() < 0.03


def test_so_is_the_texture_and_all_that_was_seen_stays() -> None:
    old, new = (made(light, texture_size=128) for light in (False, True))
    assert old.texture is not None
    assert new.texture is not None
    was, is_now = (result.texture.albedo.reshape(-1, 3).astype(int) for result in (old, new))  # type: ignore[union-attr]
    guess, wanted = GUESS * 255, PAINT * light(DOWN)[0] * 255
    guessed = np.abs(was - guess).max(1) < 3
    assert guessed.mean() > 0.05
    changed = np.abs(is_now[guessed] - wanted).max(1)
    assert np.median(changed) < 4
    seen = np.abs(was[:, 0] - guess[0]) > 40
    # Along the lower edges normals are between the two.
    assert (np.abs(is_now - was)[seen].max(1) < 2).mean() > 0.97


def test_each_part_has_its_own_paint_below_even_where_another_is_nearer() -> None:
    red, cream = np.array([0.7, 0.05, 0.05]), np.array([0.9, 0.85, 0.7])
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    around = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    rim, stem = 0.7 * around, 0.2 * around
    points = np.concatenate([rim, stem]).astype(np.float32)
    outward = np.concatenate([around, around]).astype(np.float32)
    paint = np.concatenate([np.tile(red, (60, 1)), np.tile(cream, (60, 1))])
    colours = (paint * light(outward)[:, None]).astype(np.float32)
    guessed = np.array([[0.75, 0.06, 0.06]], np.float32)
    found = Underside(points, outward, colours).recolour(np.array([[0.3, 0, 0]], np.float32), DOWN, guessed)
    assert found[0] == pytest.approx(red * light(DOWN)[0], abs=0.02)


def test_a_small_window_does_not_paint_the_ground_side_even_where_the_guess_is_nearer_to_its_hue() -> None:
    wall, window, guess = np.array([0.85, 0.4, 0.6]), np.array([0.5, 0.7, 0.85]), np.array([[0.62, 0.55, 0.62]])
    along = np.linspace(-0.5, 0.5, 40)
    points = np.stack(np.meshgrid(0.5, along, along), -1).reshape(-1, 3).astype(np.float32)
    outward = np.tile(np.array([[1, 0, 0]], np.float32), (len(points), 1))
    is_window = (np.abs(points[:, 1]) < 0.12) & (np.abs(points[:, 2] + 0.2) < 0.12)
    assert 0.02 < is_window.mean() < 0.1
    paint = np.where(is_window[:, None], window, wall)
    colours = (paint * light(outward)[:, None]).astype(np.float32)
    found = Underside(points, outward, colours).recolour(np.array([[0, 0, -0.5]], np.float32), DOWN, guess.astype("f4"))
    assert found[0] == pytest.approx(wall * light(DOWN)[0], abs=0.06)


def test_far_from_all_sides_a_guess_that_looks_like_a_window_is_not_believed() -> None:
    wall, window = np.array([0.05, 0.6, 0.1]), np.array([0.45, 0.65, 0.9])
    along = np.linspace(-0.4, 0.4, 40)
    across, up = np.meshgrid(along, along)
    sides = [np.stack([sign * np.full_like(up, 0.4), across, up], -1).reshape(-1, 3) for sign in (-1, 1)]
    points = np.concatenate([*sides, *(side[:, [1, 0, 2]] for side in sides)]).astype(np.float32)
    outward = np.where(np.abs(points) > 0.39, np.sign(points), 0) * np.array([1, 1, 0])
    outward = (outward / np.linalg.norm(outward, axis=1, keepdims=True)).astype(np.float32)
    is_window = (np.abs(points[:, :2]).min(1) < 0.12) & (np.abs(points[:, 2]) < 0.12)
    assert 0.04 < is_window.mean() < 0.12
    colours = (np.where(is_window[:, None], window, wall) * light(outward)[:, None]).astype(np.float32)
    guess = np.array([[0.3, 0.45, 0.65]], np.float32)
    found = Underside(points, outward, colours).recolour(np.array([[0, 0, -0.4]], np.float32), DOWN, guess)
    assert found[0] == pytest.approx(wall * light(DOWN)[0], abs=0.08)


def test_colours_change_smoothly_towards_what_was_seen() -> None:
    steep = np.linspace(-1, -0.6, 200, dtype=np.float32)
    outward = np.stack([np.sqrt(1 - steep**2), 0 * steep, steep], 1)
    side = np.array([[1, 0, 0]], np.float32)
    underside = Underside(0.5 * side, side, (PAINT * light(side)[:, None]).astype(np.float32))
    found = underside.recolour(np.zeros_like(outward), outward, np.tile(GUESS, (200, 1)))
    assert np.abs(np.diff(found, axis=0)).max() < 0.02
    assert found[-1] == pytest.approx(GUESS, abs=1e-6)


def test_a_surface_without_sides_stays_as_it_is() -> None:
    points = np.random.default_rng(0).random((20, 3)).astype(np.float32)
    colours, outward = points.copy(), np.tile(DOWN, (20, 1))
    assert np.array_equal(Underside(points, outward, colours).recolour(points, outward, colours), colours)
