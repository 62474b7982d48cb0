"""Every result has a small picture of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.meshing.arrays import MeshArrays
from server.meshing.export import write_npz
from server.meshing.given import given_bytes
from server.meshing.shelf import MESHES
from server.recipe import read_recipe
from server.studio.kept_names import THUMBNAIL
from server.studio.thumbnail import SIDE, painted_sides, write_thumbnail
from tests.meshing.given_meshes import cube

RED = (220, 30, 30)


def picture_of(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(folder / THUMBNAIL))


def recipe(kind: str, **part: Any) -> Any:
    return read_recipe({"kind": kind, "prompt": "a red cube", **({kind: part} if part else {})})


def test_a_mesh_is_shown_whole_in_its_colours_on_nothing(tmp_path: Path) -> None:
    given = cube()
    colour = np.tile(np.array([*RED, 255], np.uint8), (len(given.position), 1))
    write_npz(MeshArrays(given.position, given.triangle, colour), tmp_path / "mesh.npz")
    write_thumbnail(recipe("mesh"), tmp_path)
    pixels = picture_of(tmp_path)
    assert pixels.shape == (SIDE, SIDE, 4)
    alpha = pixels[:, :, 3]
    assert not any(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
    assert 0.2 < (alpha > 0).mean() < 0.9
    seen = pixels[alpha == 255].astype(int)
    assert (seen[:, 0] > seen[:, 1] + 60).all()


@pytest.mark.parametrize(("size", "shown"), [((512, 256), (SIDE, SIDE // 2)), ((64, 64), (64, 64))])
def test_a_texture_is_shown_whole_in_its_proportions(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    Image.new("RGB", size, RED).save(tmp_path / "texture.png")
    write_thumbnail(recipe("texture"), tmp_path)
    with Image.open(tmp_path / THUMBNAIL) as picture:
        assert picture.size == shown
        assert picture.getpixel((0, 0)) == RED


def test_a_mesh_that_was_textured_is_shown_with_its_new_picture(tmp_path: Path) -> None:
    digest = MESHES.put(tmp_path / "meshes", given_bytes(cube()))
    # Pictures need not be square.
    Image.new("RGB", (48, 24), RED).save(tmp_path / "texture.png")
    write_thumbnail(recipe("retexture", mesh=digest), tmp_path, tmp_path / "meshes")
    pixels = picture_of(tmp_path)
    seen = pixels[pixels[:, :, 3] == 255].astype(int)
    assert len(seen) > 1000
    assert (seen[:, 0] > seen[:, 1] + 60).all()


def test_a_quick_look_at_a_mesh_that_is_textured_has_four_sides(tmp_path: Path) -> None:
    pixels = painted_sides(cube(), np.full((8, 8, 3), RED, np.uint8))
    assert pixels.shape == (SIDE, SIDE, 4)
    half = SIDE // 2
    for rows in (slice(0, half), slice(half, SIDE)):
        for columns in (slice(0, half), slice(half, SIDE)):
            assert (pixels[rows, columns, 3] > 0).mean() > 0.1
