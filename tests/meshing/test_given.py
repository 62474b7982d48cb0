"""Meshes from elsewhere are taken as they are, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from server.errors import BadRequest
from server.meshing import given
from server.meshing.given import checked, given_bytes, read_given
from server.meshing.reading import read_mesh_file
from server.meshing.shelf import MESHES
from tests.meshing.given_meshes import cube, cube_arrays


def refusal(arrays: dict[str, Any]) -> str:
    with pytest.raises(BadRequest) as caught:
        checked(arrays)
    return caught.value.code


def test_a_mesh_comes_back_from_its_file_as_it_was() -> None:
    again = read_given(given_bytes(cube()))
    for name, value in vars(cube()).items():
        assert np.array_equal(getattr(again, name), value), name


def test_normals_that_are_missing_or_broken_are_those_of_the_faces() -> None:
    mesh = cube()
    assert ((mesh.position[mesh.triangle].mean(1)[:, None] * mesh.normal).sum(-1) > 0.9).all()
    broken = np.zeros((12, 3, 3), np.float32)
    broken[1] = np.nan
    assert np.array_equal(checked(cube_arrays() | {"normal": broken}).normal, mesh.normal)


@pytest.mark.parametrize("place", ["position", "uv"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(place: str, number: float) -> None:
    arrays = cube_arrays()
    arrays[place].flat[5] = number
    assert refusal(arrays) == "mesh-not-finite"


def test_a_mesh_without_uvs_is_refused() -> None:
    arrays = cube_arrays()
    del arrays["uv"]
    assert refusal(arrays) == "mesh-without-uvs"


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, 1.0), (-0.5, 0.0), (3.0, 2.0)])
def test_uvs_outside_of_the_square_are_refused(shift: tuple[float, float]) -> None:
    arrays = cube_arrays()
    arrays["uv"][3] += np.float32(shift)
    assert refusal(arrays) == "uvs-outside"


def test_uvs_a_hair_outside_are_taken() -> None:
    checked(cube_arrays() | {"uv": cube_arrays()["uv"] - np.float32(0.025)})


def test_faces_that_are_not_chosen_may_lie_anywhere() -> None:
    arrays = cube_arrays()
    arrays["uv"][3] += 5
    arrays["chosen"] = np.arange(12) != 3
    checked(arrays)


def test_a_layout_without_any_area_is_refused() -> None:
    arrays = cube_arrays()
    arrays["uv"][...] = 0.5
    assert refusal(arrays) == "uvs-empty"


@pytest.mark.parametrize(
    "change",
    [
        {"triangle": np.empty((0, 3), np.int32), "uv": np.empty((0, 3, 2), np.float32)},
        {"position": np.ones((24, 3), np.float32)},
        {"chosen": np.zeros(12, bool)},
    ],
)
def test_a_mesh_with_nothing_to_texture_is_refused(change: dict[str, Any]) -> None:
    assert refusal(cube_arrays() | change) == "mesh-empty"


def test_too_many_faces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "MOST_FACES", 11)
    assert refusal(cube_arrays()) == "mesh-too-large"


@pytest.mark.parametrize(
    "change",
    [
        {"triangle": np.full((12, 3), 24, np.int32)},
        {"triangle": np.full((12, 3), -1, np.int32)},
        {"triangle": np.zeros((12, 3), np.int64)},
        {"position": np.zeros((24, 2), np.float32)},
        {"uv": np.zeros((11, 3, 2), np.float32)},
        {"chosen": np.ones(12, np.uint8)},
        {"before": np.zeros((4, 4), np.uint8)},
        {"position": np.array([None] * 3)},
    ],
)
def test_arrays_of_another_form_are_refused(change: dict[str, Any]) -> None:
    assert refusal(cube_arrays() | change) == "mesh-unreadable"


def test_what_is_no_npz_and_what_holds_objects_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", position=np.array([{}], object))
    for data in (b"", b"PK\x03\x04", (tmp_path / "objects.npz").read_bytes()):
        with pytest.raises(BadRequest) as caught:
            read_given(data)
        assert caught.value.code == "mesh-unreadable"


def written(path: Path, uv: bool = True, times: int = 1) -> Path:
    arrays = cube_arrays()
    # One UV a vertex, as files have it.
    corner = np.empty((24, 2))
    corner[arrays["triangle"]] = arrays["uv"]
    x, y, z = arrays["position"].T
    scene = trimesh.Scene()
    for number in range(times):
        visual = trimesh.visual.TextureVisuals(corner) if uv else None
        mesh = trimesh.Trimesh(np.stack([x, z, -y], -1), arrays["triangle"], process=False, visual=visual)
        mesh.apply_scale([1, 2, 3])
        scene.add_geometry(mesh, node_name=f"node {number}")
    scene.export(path)
    return path


def test_a_glb_has_its_places_in_blenders_axes_and_its_uvs_with_v_upward(tmp_path: Path) -> None:
    mesh = read_mesh_file(written(tmp_path / "cube.glb"))
    assert np.allclose(mesh.position, cube_arrays()["position"] * [1, 3, 2], atol=1e-6)
    assert np.allclose(mesh.uv, cube_arrays()["uv"], atol=1e-6)


@pytest.mark.parametrize("without", ["material", "nothing"])
def test_a_glb_without_a_material_or_with_colours_at_its_vertices_has_its_uvs_too(tmp_path: Path, without: str) -> None:
    glb = written(tmp_path / "cube.glb").read_bytes()
    length = int.from_bytes(glb[12:16], "little")
    about = json.loads(glb[20 : 20 + length])
    (primitive,) = about["meshes"][0]["primitives"]
    if without == "material":
        del primitive["material"]
    else:
        primitive["attributes"]["COLOR_0"] = primitive["attributes"]["POSITION"]
    text = json.dumps(about).encode()
    text += b" " * (-len(text) % 4)
    body = len(text).to_bytes(4, "little") + glb[16:20] + text + glb[20 + length :]
    (tmp_path / "cube.glb").write_bytes(glb[:8] + (12 + len(body)).to_bytes(4, "little") + body)
    assert np.allclose(read_mesh_file(tmp_path / "cube.glb").uv, cube_arrays()["uv"], atol=1e-6)


def test_a_file_without_uvs_with_several_meshes_or_of_no_kind_is_refused(tmp_path: Path) -> None:
    damaged, strange = tmp_path / "damaged.glb", tmp_path / "mesh.txt"
    damaged.write_bytes(b"glTF")
    strange.write_bytes(b"")
    for path, code in (
        (written(tmp_path / "plain.glb", uv=False), "mesh-without-uvs"),
        (written(tmp_path / "two.glb", times=2), "mesh-several"),
        (damaged, "mesh-unreadable"),
        (strange, "mesh-unreadable"),
        (tmp_path / "none.glb", "mesh-missing"),
    ):
        with pytest.raises(BadRequest) as caught:
            read_mesh_file(path)
        assert caught.value.code == code, path


def test_the_shelf_keeps_the_newest_meshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.shelf.MOST_KEPT", 2)
    names = [
        MESHES.put(tmp_path, given_bytes(checked(cube_arrays() | {"chosen": np.arange(12) <= n}))) for n in range(2)
    ]
    assert all(MESHES.has(tmp_path, name) for name in names)
    assert np.array_equal(MESHES.get(tmp_path, names[1]).chosen, np.arange(12) <= 1)
    for folder, name in ((tmp_path, "0" * 64), (tmp_path, ""), (None, names[0])):
        with pytest.raises(BadRequest) as caught:
            MESHES.get(folder, name)
        assert caught.value.code == "mesh-missing"
