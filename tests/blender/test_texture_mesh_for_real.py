"""Meshes as artists have them, textured by the real server; and broken ones, which it names."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from conftest import REAL_PYTHON, inside

pytestmark = pytest.mark.skipif(not REAL_PYTHON, reason="BLENDER_MSD_PYTHON does not name the server's Python")


@pytest.fixture
def real(bridge, preferences):
    preferences.server_python = REAL_PYTHON
    return bridge


def texture(prompt):
    return bpy.ops.msd.texture_mesh(prompt=prompt, prior="exact", seed=1, preset="SKETCH", steps=3, size="512")


def fresh(add, **options):
    bpy.ops.object.select_all(action="DESELECT")
    add(**options)
    return bpy.context.object


def uvs(obj):
    layer = obj.data.uv_layers.active
    values = np.empty(2 * len(obj.data.loops), np.float32)
    layer.uv.foreach_get("vector", values)
    return values.reshape(-1, 2)


def set_uvs(obj, values):
    obj.data.uv_layers.active.uv.foreach_set("vector", np.ascontiguousarray(values, np.float32).ravel())


def packed_cube():
    obj = fresh(bpy.ops.mesh.primitive_cube_add)
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * 0.3
    set_uvs(obj, np.concatenate([corner + np.array([side % 3 / 3 + 0.01, side // 3 / 3 + 0.01]) for side in range(6)]))
    return obj


def mirrored():
    obj = packed_cube()
    set_uvs(obj, np.array([1, 0]) - uvs(obj) * [1, -1])
    obj.scale = (-1, 1, 2)
    return obj


def no_manifold():
    obj = fresh(bpy.ops.mesh.primitive_cube_add)
    mesh = bpy.data.meshes.new("fan")
    mesh.from_pydata([(0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 1, 0), (-1, 0, 0)], [], [(0, 1, 2), (0, 1, 3), (0, 1, 4)])
    mesh.uv_layers.new(name="UVMap")
    obj.data = mesh
    set_uvs(obj, [(0, 0), (0, 1), (0.3, 0), (0.4, 0), (0.4, 1), (0.6, 0), (0.7, 0), (0.7, 1), (1, 0)])
    return obj


def overlapping():
    obj = packed_cube()
    values = uvs(obj)
    values[4:8] = values[0:4]
    set_uvs(obj, values)
    return obj


def without_area():
    obj = packed_cube()
    values = uvs(obj)
    values[4:8] = values[4]
    set_uvs(obj, values)
    return obj


GOOD = {
    "a monkey": (lambda: fresh(bpy.ops.mesh.primitive_monkey_add), "a yellow duck", ""),
    "a sphere": (lambda: fresh(bpy.ops.mesh.primitive_uv_sphere_add), "a red ball", ""),
    "a cube with packed UVs": (packed_cube, "a red cube", ""),
    "mirrored UVs and a negative scale": (mirrored, "a red cube", ""),
    "an edge with three faces": (no_manifold, "a red cube", ""),
    "islands over each other": (overlapping, "a red cube", "over each other"),
    "faces without an area on the layout": (without_area, "a red cube", "no area"),
    "a hundred thousand faces": (
        lambda: fresh(bpy.ops.mesh.primitive_uv_sphere_add, segments=320, ring_count=160),
        "a red ball",
        "",
    ),
}


def test_meshes_as_artists_have_them_are_textured_and_keep_their_uvs_to_the_byte(real):
    for name, (make, prompt, warning) in GOOD.items():
        obj = make()
        bpy.context.view_layer.update()
        before = uvs(obj).tobytes()
        assert texture(prompt) == {"FINISHED"}, name
        assert uvs(obj).tobytes() == before, name
        assert len(obj.data.uv_layers) == 1, name
        image = inside("scene.pictures").of_surface(obj)
        assert tuple(image.size) == (512, 512), name
        assert any(warning in note for note in real.job.notes) or not warning, (name, real.job.notes)
        assert real.job.report["denoiser_calls"] > 0


def nan_vertices(obj):
    obj.data.vertices[3].co.x = float("nan")


def uvs_on_udim_tiles(obj):
    set_uvs(obj, uvs(obj) + np.array([1, 0]))


def uvs_in_one_point(obj):
    set_uvs(obj, uvs(obj) * 0 + 0.5)


def all_in_one_point(obj):
    for vertex in obj.data.vertices:
        vertex.co = (0, 0, 0)


def zero_scale(obj):
    obj.scale = (0, 0, 0)


BAD = {
    nan_vertices: "mesh-not-finite",
    uvs_on_udim_tiles: "uvs-outside",
    uvs_in_one_point: "uvs-empty",
    all_in_one_point: "mesh-empty",
    zero_scale: "mesh-empty",
}


def test_broken_meshes_are_named_by_what_is_wrong_and_stay_as_they_are(real):
    for spoil, code in BAD.items():
        obj = packed_cube()
        spoil(obj)
        bpy.context.view_layer.update()
        before = uvs(obj).tobytes()
        with pytest.raises(RuntimeError):
            texture("a red cube")
        assert real.problem.code == code, spoil
        assert uvs(obj).tobytes() == before
        assert not obj.material_slots
        bpy.data.objects.remove(obj)
