"""A picture on a layout that is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from server.errors import JobFailed
from server.meshing.arrays import Floats
from server.meshing.given import GivenMesh, checked
from server.meshing.layout import MARGIN, Layout, lay_out, without_area
from tests.meshing.given_meshes import cube, cube_arrays

SIZE = 96


def places(mesh: GivenMesh, layout: Layout) -> Floats:
    return layout.interpolate(mesh.position[mesh.triangle])


def side_colours(points: Floats) -> Floats:
    """One colour for each side of the cube."""
    return np.where(np.abs(points) > 0.999, points * 0.5 + 0.5, 0.5).astype(np.float32)


def at(picture: np.ndarray, uv: Floats) -> np.ndarray:
    height, width = picture.shape[:2]
    return picture[((1 - uv[:, 1]) * height).astype(int), (uv[:, 0] * width).astype(int)]


def test_every_face_finds_its_own_colour_at_its_uvs() -> None:
    mesh = cube()
    layout = lay_out(mesh, SIZE, SIZE)
    picture = layout.paint(side_colours(places(mesh, layout)))
    expected = np.round(side_colours(mesh.position[mesh.triangle].mean(1)) * 255)
    assert np.array_equal(at(picture, mesh.uv.mean(1)), expected)


def test_what_no_face_covers_repeats_the_nearest_texel() -> None:
    mesh = cube()
    layout = lay_out(mesh, SIZE, SIZE)
    picture = layout.paint(side_colours(places(mesh, layout)))
    covered = np.zeros(SIZE * SIZE, bool)
    covered[layout.texel] = True
    shown = {tuple(colour) for colour in picture.reshape(-1, 3)[covered]}
    assert {tuple(colour) for colour in picture.reshape(-1, 3)} == shown


def test_a_picture_need_not_be_square() -> None:
    mesh = cube()
    layout = lay_out(mesh, 120, 40)
    picture = layout.paint(side_colours(places(mesh, layout)))
    assert picture.shape == (40, 120, 3)
    expected = np.round(side_colours(mesh.position[mesh.triangle].mean(1)) * 255)
    assert np.array_equal(at(picture, mesh.uv.mean(1)), expected)


def test_an_old_picture_stays_outside_of_the_chosen_faces() -> None:
    arrays = cube_arrays()
    mesh = checked(arrays | {"chosen": np.arange(12) < 2, "before": np.full((SIZE, SIZE, 3), 7, np.uint8)})
    layout = lay_out(mesh, SIZE, SIZE)
    picture = layout.paint(np.ones((len(layout.texel), 3), np.float32), mesh.before)
    whole = lay_out(replace(mesh, chosen=~mesh.chosen), SIZE, SIZE)
    assert (picture.reshape(-1, 3)[whole.texel] == 7).all()
    assert (picture.reshape(-1, 3)[layout.texel] == 255).all()
    beside = (picture[..., 0] == 255).sum() - len(np.unique(layout.texel))
    assert 0 < beside < 4 * (SIZE // 3 + 2 * MARGIN) * MARGIN
    assert picture[0, -1, 0] == 7


def test_mirrored_islands_are_covered_as_others_are() -> None:
    mesh = cube()
    mirrored = replace(mesh, uv=np.stack([1 - mesh.uv[..., 0], mesh.uv[..., 1]], -1))
    layout = lay_out(mirrored, SIZE, SIZE)
    picture = layout.paint(side_colours(places(mesh, layout)))
    expected = np.round(side_colours(mesh.position[mesh.triangle].mean(1)) * 255)
    assert np.array_equal(at(picture, mirrored.uv.mean(1)), expected)


def test_islands_over_each_other_are_counted_and_show_one_mix() -> None:
    mesh = cube()
    apart = lay_out(mesh, SIZE, SIZE)
    assert apart.shared(places(mesh, apart), 0.01) == 0
    uv = mesh.uv.copy()
    uv[2:4] = uv[0:2]
    over = lay_out(replace(mesh, uv=uv), SIZE, SIZE)
    assert over.shared(places(mesh, over), 0.01) == pytest.approx(1 / 5, abs=0.02)
    picture = over.paint(np.where(over.triangle < 2, 1.0, 0.0)[:, None].repeat(3, 1).astype(np.float32))
    assert at(picture, uv[:1].mean(1)).tolist() == [[128] * 3]


def test_faces_without_area_in_the_layout_are_counted_and_cover_nothing() -> None:
    mesh = cube()
    assert without_area(mesh) == 0
    uv = mesh.uv.copy()
    uv[0] = uv[0, 0]
    flat = replace(mesh, uv=uv)
    assert without_area(flat) == pytest.approx(1 / 12)
    assert 0 not in lay_out(flat, SIZE, SIZE).triangle


def test_islands_smaller_than_a_texel_are_a_failure_that_says_so() -> None:
    mesh = cube()
    with pytest.raises(JobFailed) as caught:
        lay_out(replace(mesh, uv=(mesh.uv * 1e-4).astype(np.float32)), 32, 32)
    assert caught.value.code == "texture-empty"
