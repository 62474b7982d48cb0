"""The files of a texture with maps, and what its recipe may say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image

from server.errors import BadRequest
from server.recipe import MapName, Recipe, read_recipe
from server.studio.material import write_material

NAMES = list(get_args(MapName))


def recipe_with(**texture: Any) -> Recipe:
    return read_recipe({"kind": "texture", "prompt": "red bricks", "texture": texture})


def stones(width: int, height: int) -> torch.Tensor:
    """A soft pattern that repeats, [3, height, width]."""
    x = torch.arange(width) / width * 2 * torch.pi
    y = (torch.arange(height) / height * 2 * torch.pi)[:, None]
    waves = torch.sin(3 * x + torch.sin(y)) + torch.sin(2 * y + 2 * torch.cos(x)) + 0.3 * torch.sin(7 * x - 5 * y)
    return torch.stack([0.5 + 0.2 * waves, 0.4 + 0.1 * waves, 0.4 - 0.1 * waves]).clamp(0, 1)


def test_only_the_colour_is_written_unless_maps_are_asked_for(tmp_path: Path) -> None:
    report = write_material(stones(64, 64), recipe_with(), tmp_path)
    assert report["artifacts"] == ["texture.png"]
    assert report["map_seam_ratios"] == {}
    assert [path.name for path in tmp_path.iterdir()] == ["texture.png"]


def test_every_map_has_a_file_and_a_seam_ratio(tmp_path: Path) -> None:
    report = write_material(stones(96, 64), recipe_with(maps=NAMES), tmp_path)
    assert report["artifacts"] == ["texture.png", *(f"texture_{name}.png" for name in NAMES)]
    assert set(report["map_seam_ratios"]) == set(NAMES)
    assert all(0.8 <= ratio <= 1.25 for ratio in [report["seam_ratio"], *report["map_seam_ratios"].values()])
    for name in report["artifacts"]:
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (96, 64)
    with Image.open(tmp_path / "texture_height.png") as picture:
        assert len(np.unique(np.asarray(picture))) > 256


def test_a_picture_that_does_not_repeat_is_not_moved_by_its_maps(tmp_path: Path) -> None:
    colour = stones(64, 64)
    plain, mapped = tmp_path / "plain", tmp_path / "mapped"
    for folder, maps in ((plain, []), (mapped, ["normal"])):
        folder.mkdir()
        write_material(colour, recipe_with(tile_x=False, tile_y=False, maps=maps), folder)
    one, other = (np.asarray(Image.open(folder / "texture.png")) for folder in (plain, mapped))
    assert np.array_equal(one, other)


def test_directx_normals_are_the_recipes_choice(tmp_path: Path) -> None:
    greens = []
    for normals in ("opengl", "directx"):
        recipe = recipe_with(maps=["normal"], normals=normals, tile_x=False, tile_y=False)
        write_material(stones(64, 64), recipe, tmp_path)
        greens.append(np.asarray(Image.open(tmp_path / "texture_normal.png"))[..., 1].astype(int))
    assert np.abs(greens[0] + greens[1] - 255).max() <= 1


def test_equal_wishes_are_equal_recipes_in_whatever_order_they_are_said() -> None:
    assert recipe_with(maps=["height", "normal", "height"]) == recipe_with(maps=["normal", "height"])
    assert recipe_with().texture.maps == []


@pytest.mark.parametrize(
    ("texture", "says"),
    [
        ({"maps": ["normal", "shine"]}, "texture.maps.1 must be one of albedo, normal"),
        ({"maps": "normal"}, "texture.maps must be a list of one of albedo, normal"),
        ({"maps": [3]}, "texture.maps.0 must be one of albedo, normal"),
        ({"normals": "vulkan"}, "texture.normals must be one of opengl, directx"),
    ],
)
def test_maps_that_nobody_knows_are_refused_in_words(texture: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest) as caught:
        recipe_with(**texture)
    assert says in str(caught.value)
