"""OBJ files are found whole by their readers, whatever they are called, and put nothing else in danger."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import y_up
from tests.meshing.obj_on_disk import write_obj

# Files, as the system sees their names: bytes.
NAMES = [
    b"duck.obj",
    b"my duck.obj",
    b"duck #2.obj",
    b"-duck.obj",
    b"two\nlines.obj",
    b"a 'quoted' \"duck\".obj",
    b"back\\slash\\.obj",
    b"latin-\xe9\xff.obj",
    "canard n° 1 — été.obj".encode(),
    "アヒル.obj".encode(),
    b"...obj",
    b"duck.v2.OBJ",
    b"$HOME;`rm`*.obj",
    b"n" * 251 + b".obj",
]


def named(folder: Path, name: bytes) -> Path:
    return folder / os.fsdecode(name)


def words(path: Path, key: str) -> list[str]:
    """What follows `key` at the beginning of a line, as a reader sees it that ends words at blanks."""
    lines = path.read_bytes().decode().splitlines()
    return [line.split()[-1] for line in lines if line.split()[:1] == [key]]


@pytest.mark.parametrize("name", NAMES)
def test_the_obj_is_called_as_asked_and_names_its_neighbours_in_one_plain_word(
    figure: MeshArrays, painted: Texture, tmp_path: Path, name: bytes
) -> None:
    path = named(tmp_path, name)
    written = write_obj(figure, path, "a figure", painted)
    assert written[0] == path
    assert sorted(written) == sorted(tmp_path.iterdir())
    for neighbour in written[1:]:
        assert neighbour.name.isascii()
        assert neighbour.name.replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert neighbour.name[0].isalnum()
    (library,) = words(path, "mtllib")
    found = [words(tmp_path / library, key) for key in ("map_Kd", "norm", "map_Bump")]
    assert {library, *(file for (file,) in found)} == {neighbour.name for neighbour in written[1:]}


@pytest.mark.parametrize("name", NAMES)
def test_trimesh_reads_the_same_mesh_and_picture_whatever_the_name(
    figure: MeshArrays, painted: Texture, tmp_path: Path, name: bytes
) -> None:
    path = named(tmp_path, name)
    write_obj(figure, path, "a figure", painted)
    loaded = trimesh.load(path, force="mesh", process=False)
    assert np.array_equal(loaded.triangles.astype(np.float32), y_up(figure.position)[figure.triangle])
    assert np.array_equal(loaded.visual.uv[loaded.faces].astype(np.float32), painted.uv)
    assert np.array_equal(np.asarray(loaded.visual.material.image.convert("RGB")), painted.albedo)


@pytest.mark.parametrize(
    "prompt", ["a # hash", "-dash", "two\nlines", "アヒル 茶色", "é" * 80, "\\", '"', "\x00", "a  b"]
)
def test_a_prompt_is_one_word_to_a_reader_of_objs(figure: MeshArrays, tmp_path: Path, prompt: str) -> None:
    write_obj(figure, tmp_path / "fig.obj", prompt)
    for file, keys in (("fig.obj", ("o", "usemtl")), ("fig.mtl", ("newmtl",))):
        lines = (tmp_path / file).read_bytes().decode().splitlines()
        for key in keys:
            (line,) = (line for line in lines if line.startswith(f"{key} "))
            name = line.removeprefix(f"{key} ")
            assert 0 < len(name.encode()) <= 63
            assert name.isprintable()
            assert not set(name) & set(" #\"'\\")
            assert name[0] != "-"


def test_an_obj_without_texture_has_colours_at_its_vertices(figure: MeshArrays, tmp_path: Path) -> None:
    assert [path.name for path in write_obj(figure, tmp_path / "fig.obj")] == ["fig.obj", "fig.mtl"]
    loaded = trimesh.load(tmp_path / "fig.obj", force="mesh", process=False)
    assert np.array_equal(loaded.triangles.astype(np.float32), y_up(figure.position)[figure.triangle])
    colours = [
        line.split()[4:]
        for line in (tmp_path / "fig.obj").read_text(encoding="utf-8").splitlines()
        if line.startswith("v ")
    ]
    assert np.array_equal(np.round(np.array(colours, float) * 255), figure.colour[:, :3])


NEIGHBOURS = ["duck.mtl", "duck-albedo.png", "duck-normal.png", "duck-normal.exr"]


@pytest.mark.parametrize("strange", NEIGHBOURS)
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_a_strangers_file_is_left_alone(
    figure: MeshArrays, painted: Texture, tmp_path: Path, strange: str, kind: str
) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    if kind == "folder":
        (folder / strange).mkdir()
    elif kind == "file":
        (folder / strange).write_bytes(b"a stranger's")
    else:
        if kind == "link":
            elsewhere.write_bytes(b"a stranger's")
        (folder / strange).symlink_to(elsewhere)
    for _ in range(2):  # again, with our own set beside it
        written = write_obj(figure, folder / "duck.obj", "a duck", painted)
        assert folder / strange not in written
        assert {path.name for path in folder.iterdir()} == {strange, *(path.name for path in written)}
    if kind == "dangling link":
        assert not elsewhere.exists()
    elif kind != "folder":
        assert (folder / strange).read_bytes() == b"a stranger's"
    loaded = trimesh.load(folder / "duck.obj", force="mesh", process=False)
    assert np.array_equal(np.asarray(loaded.visual.material.image.convert("RGB")), painted.albedo)


def test_a_strangers_obj_with_its_material_is_replaced_alone(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    """The .obj is what was asked for; what it needed may be needed by others."""
    (tmp_path / "duck.obj").write_text("# Blender 5.0\nmtllib duck.mtl\n", encoding="utf-8")
    (tmp_path / "duck.mtl").write_text("newmtl Material\nmap_Kd duck-albedo.png\n", encoding="utf-8")
    (tmp_path / "duck-albedo.png").write_bytes(b"a stranger's")
    write_obj(figure, tmp_path / "duck.obj", "a duck", painted)
    assert (tmp_path / "duck.mtl").read_text(encoding="utf-8").startswith("newmtl Material")
    assert (tmp_path / "duck-albedo.png").read_bytes() == b"a stranger's"


def test_a_set_that_was_written_for_the_same_obj_is_replaced(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    other = Texture(painted.uv, 255 - painted.albedo, painted.normal)
    first = write_obj(figure, tmp_path / "my duck.obj", "a duck", painted)
    assert write_obj(figure, tmp_path / "my duck.obj", "another duck", other) == first
    assert sorted(tmp_path.iterdir()) == sorted(first)
    loaded = trimesh.load(tmp_path / "my duck.obj", force="mesh", process=False)
    assert np.array_equal(np.asarray(loaded.visual.material.image.convert("RGB")), other.albedo)


def test_two_objs_whose_plain_names_are_one_keep_a_set_each(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    other = Texture(painted.uv, 255 - painted.albedo, painted.normal)
    for name, texture in (("my duck.obj", painted), ("my_duck.obj", other), ("my duck.obj", painted)):
        write_obj(figure, tmp_path / name, "a duck", texture)
    assert len(list(tmp_path.iterdir())) == 10
    for name, texture in (("my duck.obj", painted), ("my_duck.obj", other)):
        loaded = trimesh.load(tmp_path / name, force="mesh", process=False)
        assert np.array_equal(np.asarray(loaded.visual.material.image.convert("RGB")), texture.albedo)


def test_a_picture_that_was_painted_over_since_is_kept(figure: MeshArrays, painted: Texture, tmp_path: Path) -> None:
    write_obj(figure, tmp_path / "duck.obj", "a duck", painted)
    (tmp_path / "duck-albedo.png").write_bytes(b"hours of work")
    write_obj(figure, tmp_path / "duck.obj", "a duck", painted)
    assert (tmp_path / "duck-albedo.png").read_bytes() == b"hours of work"


def test_a_strangers_material_of_the_same_name_is_not_mixed_into_ours(figure: MeshArrays, tmp_path: Path) -> None:
    # Blender reads the .mtl that is called as the .obj, whether the .obj refers to it or not.
    (tmp_path / "my duck.mtl").write_text("newmtl a_duck\nKd 1 0 0\n  newmtl a_duck-2\r\nKd 1 0 0\n", encoding="utf-8")
    write_obj(figure, tmp_path / "my duck.obj", "a duck")
    assert words(tmp_path / "my duck.obj", "usemtl") == words(tmp_path / "my_duck.mtl", "newmtl") == ["a_duck-3"]
