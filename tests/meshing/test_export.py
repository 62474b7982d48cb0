"""Axes, sizes and colours survive the way into Blender and into files."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh

from server.meshing.export import (
    MeshArrays,
    Placement,
    as_arrays,
    linear_from_srgb,
    place,
    read_npz,
    write_glb,
    write_npz,
)
from server.meshing.surface import extract_surface
from tests.meshing.fields import LEVEL, Floats, ball, box, solid, union

ROOT = Path(__file__).parents[2]
BLENDER_PYTHON = ROOT / ".venv-blender/bin/python"


def nose_forward(points: Floats) -> Floats:
    """Red in front (field +X), green on top, blue elsewhere."""
    front, top = points[:, 0] > 0.35, points[:, 2] > 0.35
    return np.stack([front, top & ~front, ~front & ~top], -1).astype(np.float32)


@pytest.fixture(scope="module")
def figure() -> MeshArrays:
    """A box with a nose towards the front and a hat."""
    distance = union(box(0.3, 0.3, 0.3), ball(0.15, (0.4, 0, 0)), ball(0.15, (0, 0, 0.5)))
    vertices, triangles = extract_surface(solid(distance), 40, LEVEL)
    return as_arrays(vertices, triangles, nose_forward(vertices), place(vertices))


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
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    seen = json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("{")))
    assert seen["low"] == pytest.approx(figure.position.min(0).tolist(), abs=1e-4)
    assert seen["high"] == pytest.approx(figure.position.max(0).tolist(), abs=1e-4)
    assert seen["red"][1] < -0.3  # the front faces -Y
    assert seen["green"][2] > 0.8  # the hat is on top
    assert seen["half"] == pytest.approx(0.21586, abs=0.01)  # sRGB 128 in linear light
    assert seen["materials"] == 1
