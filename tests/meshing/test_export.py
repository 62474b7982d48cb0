"""Axes, sizes and colours survive the way into Blender and into files."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import Placement, linear_from_srgb, read_npz, write_glb, write_maps, write_npz
from server.meshing.tangents import smooth_normals, split_at_seams
from tests.meshing.fields import Floats
from tests.meshing.obj_on_disk import write_obj

ROOT = Path(__file__).parents[2]
BLENDER_PYTHON = ROOT / ".venv-blender/bin/python"


def test_the_front_faces_minus_y_and_left_stays_left() -> None:
    points = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    assert Placement(1, (0, 0, 0)).apply(points).tolist() == [[0, -1, 0], [1, 0, 0], [0, 0, 1]]


def test_placing_puts_the_base_on_the_ground_centred_with_longest_side_one(figure: MeshArrays) -> None:
    low, high = figure.position.min(0), figure.position.max(0)
    assert low[2] == pytest.approx(0, abs=1e-6)
    assert (low + high)[:2] == pytest.approx([0, 0], abs=1e-6)
    assert (high - low).max() == pytest.approx(1, abs=1e-6)


def test_arrays_come_back_from_disk_without_pickle_and_uncompressed(figure: MeshArrays, tmp_path: Path) -> None:
    write_npz(figure, tmp_path / "mesh.npz")
    back = read_npz(tmp_path / "mesh.npz")
    for name in ("position", "triangle", "colour"):
        before, after = getattr(figure, name), getattr(back, name)
        assert before.dtype == after.dtype
        assert np.array_equal(before, after)
    payload = sum(getattr(figure, name).nbytes for name in ("position", "triangle", "colour"))
    assert (tmp_path / "mesh.npz").stat().st_size >= payload


def test_srgb_bytes_become_linear_light() -> None:
    linear = linear_from_srgb(np.array([[0, 128, 255, 255], [10, 1, 188, 128]], np.uint8))
    assert linear[0] == pytest.approx([0, 0.21586, 1, 1], abs=1e-5)
    assert linear[1] == pytest.approx([0.003035, 0.000304, 0.502886, 0.501961], abs=1e-5)


def test_glb_is_y_up_with_linear_float_colours_and_a_rough_material(figure: MeshArrays, tmp_path: Path) -> None:
    path = tmp_path / "mesh.glb"
    write_glb(figure, path, "a figure")
    raw = path.read_bytes()
    length = struct.unpack_from("<I", raw, 12)[0]
    tree = json.loads(raw[20 : 20 + length])
    primitive = tree["meshes"][0]["primitives"][0]
    colours = tree["accessors"][primitive["attributes"]["COLOR_0"]]
    assert (colours["componentType"], colours["type"], colours["count"]) == (5126, "VEC4", len(figure.position))
    view = tree["bufferViews"][colours["bufferView"]]
    start = 28 + length + view.get("byteOffset", 0)
    stored = np.frombuffer(raw, "<f4", 4 * colours["count"], start).reshape(-1, 4)
    assert np.array_equal(stored, linear_from_srgb(figure.colour))
    material = tree["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material["metallicFactor"] == 0
    assert material["roughnessFactor"] == pytest.approx(0.7)

    loaded = trimesh.load(path, force="mesh", process=False)
    x, y, z = figure.position.T
    assert loaded.vertices == pytest.approx(np.stack([x, z, -y], -1), abs=1e-6)
    assert np.array_equal(loaded.faces, figure.triangle)


def test_uv_travel_with_the_arrays(figure: MeshArrays, painted: Texture, tmp_path: Path) -> None:
    write_npz(figure, tmp_path / "mesh.npz", painted)
    with np.load(tmp_path / "mesh.npz", allow_pickle=False) as arrays:
        assert arrays["uv"].dtype == np.float32
        assert np.array_equal(arrays["uv"], painted.uv)
    assert np.array_equal(read_npz(tmp_path / "mesh.npz").triangle, figure.triangle)


def test_maps_are_pictures_without_loss(painted: Texture, tmp_path: Path) -> None:
    write_maps(painted, tmp_path / "albedo.png", tmp_path / "normal.png")
    for name in ("albedo", "normal"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert np.array_equal(np.asarray(picture), getattr(painted, name))


def test_a_textured_glb_embeds_its_maps_and_splits_vertices_only_at_seams(
    figure: MeshArrays, painted: Texture, tmp_path: Path
) -> None:
    write_glb(figure, tmp_path / "mesh.glb", "a figure", painted)
    loaded = trimesh.load(tmp_path / "mesh.glb", force="mesh", process=False)
    corner, triangles = split_at_seams(figure.triangle, painted.uv)
    assert np.array_equal(loaded.faces, triangles)
    assert loaded.visual.uv == pytest.approx(painted.uv.reshape(-1, 2)[corner], abs=1e-6)
    x, y, z = figure.position[figure.triangle.reshape(-1)[corner]].T
    assert loaded.vertices == pytest.approx(np.stack([x, z, -y], -1), abs=1e-6)
    # Seams must not show in the shading: both sides have the normal of the whole surface.
    x, y, z = smooth_normals(figure.position, figure.triangle)[figure.triangle.reshape(-1)[corner]].T
    assert glb_normals(tmp_path / "mesh.glb") == pytest.approx(np.stack([x, z, -y], -1), abs=1e-6)
    material = loaded.visual.material
    assert np.array_equal(np.asarray(material.baseColorTexture), painted.albedo)
    assert np.array_equal(np.asarray(material.normalTexture), painted.normal)
    assert (material.metallicFactor, material.roughnessFactor) == (0.0, pytest.approx(0.7))
    assert "COLOR_0" not in json.dumps(glb_tree(tmp_path / "mesh.glb"))  # it would darken the texture


def test_the_same_mesh_gives_the_same_files(figure: MeshArrays, painted: Texture, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_glb(figure, tmp_path / folder / "mesh.glb", "a figure", painted)
        write_obj(figure, tmp_path / folder / "mesh.obj", "a figure", painted)
        write_npz(figure, tmp_path / folder / "mesh.npz", painted)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [
        "mesh-albedo.png",
        "mesh-normal.exr",
        "mesh-normal.png",
        "mesh.glb",
        "mesh.mtl",
        "mesh.npz",
        "mesh.obj",
    ]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def glb_normals(path: Path) -> Floats:
    """As they are in the file; trimesh computes its own."""
    tree, raw = glb_tree(path), path.read_bytes()
    accessor = tree["accessors"][tree["meshes"][0]["primitives"][0]["attributes"]["NORMAL"]]
    start = 28 + struct.unpack_from("<I", raw, 12)[0] + tree["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
    return np.frombuffer(raw, "<f4", 3 * accessor["count"], start).reshape(-1, 3)


def glb_tree(path: Path) -> dict:
    raw = path.read_bytes()
    return json.loads(raw[20 : 20 + struct.unpack_from("<I", raw, 12)[0]])


IMPORT_IN_BLENDER = """
import json, sys, bpy, numpy as np
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=sys.argv[-1])
body = next(thing for thing in bpy.data.objects if thing.type == "MESH")
mesh = body.data
at = np.array([body.matrix_world @ vertex.co for vertex in mesh.vertices])
layer = mesh.color_attributes[0]
linear = np.empty((len(layer.data), 4), np.float32)
layer.data.foreach_get("color", linear.ravel())
if layer.domain == "CORNER":
    corner = np.array([loop.vertex_index for loop in mesh.loops])
    spread = np.empty((len(at), 4), np.float32); spread[corner] = linear; linear = spread
def where(channel):
    return at[linear[:, channel] > 0.9].mean(0).tolist()
print(json.dumps({"low": at.min(0).tolist(), "high": at.max(0).tolist(), "red": where(0), "green": where(1),
    "half": float(linear[:, 2][(linear[:, 2] > 0.1) & (linear[:, 2] < 0.9)].mean()), "materials": len(mesh.materials)}))
"""


@pytest.mark.skipif(not BLENDER_PYTHON.exists(), reason="Blender's Python module is not installed")
def test_blender_imports_the_glb_facing_its_front_view_with_its_colours(figure: MeshArrays, tmp_path: Path) -> None:
    colour = figure.colour.copy()
    colour[(colour[:, 2] == 255) & (figure.position[:, 2] < 0.2)] = (0, 0, 128, 255)
    path = tmp_path / "mesh.glb"
    write_glb(MeshArrays(figure.position, figure.triangle, colour), path, "a figure")
    command = [str(BLENDER_PYTHON), "-c", IMPORT_IN_BLENDER, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("{")))
    assert seen["low"] == pytest.approx(figure.position.min(0).tolist(), abs=1e-4)
    assert seen["high"] == pytest.approx(figure.position.max(0).tolist(), abs=1e-4)
    assert seen["red"][1] < -0.3  # the front faces -Y
    assert seen["green"][2] > 0.8  # the hat is on top
    assert seen["half"] == pytest.approx(0.21586, abs=0.01)  # sRGB 128 in linear light
    assert seen["materials"] == 1
