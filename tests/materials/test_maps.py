"""The maps of a material as they go into files: what they hold, and that they repeat where the colour does."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from surfaces import field_of

from server.materials.borders import Borders
from server.materials.cutting import begun_at, ordinary_cut, steps_of
from server.materials.maps import derive
from server.materials.reducing import enlarged, reduced, reduction
from server.recipe import MapName
from server.world.captions import PATTERNS, Caption
from server.world.patterns import paint, two_colours
from tests.seams import seam_ratio

NAMES = list(get_args(MapName))
BOTH = Borders(True, True)


def picture_of(pattern: str, size: int = 128, repeats: bool = True) -> np.ndarray:
    """In its usual colours, as a prior of 64 pixels draws it: edges are soft, and lines never quite straight."""
    caption = Caption("texture", pattern, *PATTERNS[pattern].colours)
    field = field_of(pattern, size, repeats, bent=0.02)
    field = torch.from_numpy(Borders(repeats, repeats).blurred(field, size / 128))
    return np.ascontiguousarray(paint(field[None], two_colours(caption))[0].permute(1, 2, 0).numpy())


def ratio_of(values: np.ndarray) -> float:
    return seam_ratio(torch.from_numpy(np.atleast_3d(values).astype(np.float32)).permute(2, 0, 1))


def test_only_what_was_asked_for_is_made_with_the_depths_that_files_have() -> None:
    picture = picture_of("bricks")
    assert derive(picture, BOTH, [], "opengl") == {}
    assert list(derive(picture, BOTH, ["roughness"], "opengl")) == ["roughness"]
    made = derive(picture, BOTH, NAMES, "opengl")
    assert set(made) == set(NAMES)
    for name, values in made.items():
        assert values.dtype == (np.uint16 if name == "height" else np.uint8), name
        assert values.shape == (128, 128, 3) if name in ("albedo", "normal", "orm") else (128, 128), name
    # More than 8 bits hold.
    assert len(np.unique(made["height"])) > 1000


def test_the_packed_map_holds_occlusion_roughness_and_no_metal() -> None:
    made = derive(picture_of("cobblestone"), BOTH, ["ao", "roughness", "orm"], "opengl")
    assert np.array_equal(made["orm"][..., 0], made["ao"])
    assert np.array_equal(made["orm"][..., 1], made["roughness"])
    assert not made["orm"][..., 2].any()


def test_metal_is_packed_when_it_was_asked_for() -> None:
    made = derive(picture_of("tiles"), BOTH, ["metallic", "orm"], "opengl")
    assert made["metallic"].any()
    assert np.array_equal(made["orm"][..., 2], made["metallic"])


def test_directx_normals_have_green_the_other_way_round() -> None:
    picture = picture_of("scales")
    up, down = (derive(picture, BOTH, ["normal"], format)["normal"].astype(int) for format in ("opengl", "directx"))
    assert np.array_equal(up[..., [0, 2]], down[..., [0, 2]])
    assert np.abs(up[..., 1] + down[..., 1] - 255).max() <= 1
    assert up[..., 1].std() > 5


def test_opengl_normals_point_away_from_a_bump_with_green_up() -> None:
    line = np.linspace(-1, 1, 64, dtype=np.float32)
    bump = np.exp(-8 * (line[None] ** 2 + line[:, None] ** 2))
    # Of two hues as bright as each other, so that no lamp seems to shine; the rare one is brighter.
    picture = np.stack([0.2 + 0.3 * bump, 0.2 + 0.3 * bump, 0.2 + 0.3 * bump], -1).astype(np.float32)
    made = derive(picture, Borders(False, False), ["normal", "height"], "opengl")
    height, normal = made["height"].astype(int), made["normal"].astype(int) - 128
    raised = 1 if height[32, 32] > height[2, 2] else -1
    assert raised * normal[32, 44, 0] > 2  # right of it, to the right
    assert raised * normal[20, 32, 1] > 2  # above it, upwards
    assert (normal[..., 2] > 0).all()


def test_joints_get_less_light_than_the_middle_of_stones() -> None:
    picture, field = picture_of("bricks"), field_of("bricks", 128, True)
    ao = derive(picture, BOTH, ["ao"], "opengl")["ao"]
    assert ao[field < 0.1].mean() < 0.85 * ao[field > 0.7].mean()
    assert ao.max() == 255


@pytest.mark.parametrize("x", [True, False])
@pytest.mark.parametrize("y", [True, False])
def test_a_map_of_a_moved_tile_is_the_moved_map_along_the_directions_that_repeat(x: bool, y: bool) -> None:
    picture, by = picture_of("cobblestone"), (37 if y else 0, 50 if x else 0)
    made = derive(picture, Borders(x, y), NAMES, "opengl")
    moved = derive(np.roll(picture, by, (0, 1)), Borders(x, y), NAMES, "opengl")
    for name, values in made.items():
        # Float rounding may cross half a step of a map.
        most = 40 if name == "height" else 1
        assert np.abs(np.roll(values, by, (0, 1)).astype(int) - moved[name]).max() <= most, name


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_map_of_a_repeating_pattern_shows_its_seam(pattern: str) -> None:
    picture = picture_of(pattern, 256)
    pixels = np.rint(picture * 255).astype(np.uint8)
    asked = [name for name in NAMES if name != "metallic"]
    maps = {"colour": pixels, **derive(picture, BOTH, asked, "opengl")}
    cut = ordinary_cut([steps_of(values) for values in maps.values()], BOTH)
    ratios = {name: ratio_of(begun_at(values, cut)) for name, values in maps.items()}
    print(pattern, {name: round(ratio, 2) for name, ratio in ratios.items()})
    assert all(0.8 <= ratio <= 1.25 for ratio in ratios.values()), ratios


def test_the_colour_keeps_an_ordinary_seam_whatever_its_maps_are_like() -> None:
    colour = picture_of("cobblestone")
    line = np.zeros((128, 128), np.uint8)
    line[:, 64] = 255  # shows wherever it is cut, and nowhere else
    cut = ordinary_cut([steps_of(colour), steps_of(line)], BOTH)
    assert 0.8 <= ratio_of(begun_at(colour, cut)) <= 1.25


def test_a_map_that_is_the_same_everywhere_has_no_seam_to_avoid() -> None:
    colour, flat = picture_of("cobblestone"), np.zeros((128, 128), np.uint8)
    assert ordinary_cut([steps_of(colour), steps_of(flat)], BOTH) == ordinary_cut([steps_of(colour)], BOTH)
    assert ratio_of(flat) == 1.0


def test_a_direction_that_does_not_repeat_is_not_cut() -> None:
    maps = [steps_of(picture_of("bricks"))]
    assert ordinary_cut(maps, Borders(False, False)) == (0, 0)
    assert ordinary_cut(maps, Borders(True, False))[0] == 0
    assert ordinary_cut(maps, Borders(False, True))[1] == 0


@pytest.mark.parametrize("borders", [BOTH, Borders(False, False)])
def test_large_pictures_have_the_maps_of_small_ones(borders: Borders) -> None:
    small = picture_of("cobblestone", 128, borders.x)
    large = small.repeat(16, 0).repeat(16, 1)
    assert reduction(large) == 2
    for name, values in derive(large, borders, ["albedo", "ao"], "opengl").items():
        expected = derive(small, borders, [name], "opengl")[name].repeat(16, 0).repeat(16, 1)
        assert np.abs(values.astype(float) - expected).mean() < 12, name


def test_a_field_that_is_enlarged_repeats_where_it_did() -> None:
    field = np.random.default_rng(0).random((4, 5), np.float32)
    large = enlarged(field, 4, Borders(True, False))
    assert large.shape == (16, 20)
    assert np.allclose(enlarged(np.roll(field, 1, 1), 4, Borders(True, False)), np.roll(large, 4, 1))
    assert np.allclose(large[:2], large[:1])
    assert np.allclose(reduced(large[..., None], 4)[..., 0].mean(1), field.mean(1), atol=0.3)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (32, 5)])
def test_the_smallest_pictures_have_maps_too(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random((*size, 3), np.float32)
    for borders in (BOTH, Borders(False, False), Borders(True, False)):
        for values in derive(picture, borders, NAMES, "opengl").values():
            assert values.shape[:2] == size


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_seam_ratio_is_known_before_the_tile_is_cut(
    channels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.materials.cutting.STRIP", 100)
    values = np.random.default_rng(0).integers(0, 256, (24, 40, *channels)).astype(np.uint8)
    values[:, 7] = 0
    steps = steps_of(values)
    for cut in ((0, 0), (5, 7), (23, 39)):
        assert steps.seam_ratio(*cut) == pytest.approx(ratio_of(begun_at(values, cut)), rel=1e-4)
