"""Another surface for a finished object: made by another Blender, with the colours of the old one, in one undo step."""

from __future__ import annotations

import time

import bpy
import numpy as np
import pytest
from conftest import inside
from test_asset import is_closed, made, named  # noqa: F401
from test_panels import draw


def colours(mesh: bpy.types.Mesh) -> np.ndarray:
    found = np.empty(4 * len(mesh.vertices), np.float32)
    mesh.color_attributes["Col"].data.foreach_get("color_srgb", found)
    return found.reshape(-1, 4)


def pixels(image: bpy.types.Image) -> np.ndarray:
    found = np.empty(4 * image.size[0] * image.size[1], np.float32)
    image.pixels.foreach_get(found)
    return found.reshape(-1, 4)


@pytest.mark.parametrize(("method", "faces"), [("QUADS", 600), ("VOXELS", 3000)])
def test_a_new_surface_has_quads_the_shape_the_colours_and_new_pictures(made, method, faces):  # noqa: F811
    assert bpy.ops.msd.reshape(method=method, faces=faces) == {"FINISHED"}
    mesh = made.data
    assert len(mesh.polygons) == pytest.approx(faces, rel=0.3)
    assert sum(len(face.vertices) == 4 for face in mesh.polygons) > 0.95 * len(mesh.polygons)
    assert is_closed(mesh)
    assert tuple(made.dimensions) == pytest.approx((1, 1, 1), abs=0.05)
    height = np.array([vertex.co.z for vertex in mesh.vertices])
    blue, red = colours(mesh)[height > 0.6], colours(mesh)[height < 0.4]
    assert blue[:, 2].min() > 0.7
    assert red[:, 0].min() > 0.7
    (material,) = mesh.materials
    shader = material.node_tree.nodes["Principled BSDF"]
    albedo = shader.inputs["Base Color"].links[0].from_node.image
    assert albedo.packed_file is not None
    # The picture of the double is (160, 60, 40) but for its top row.
    assert np.median(pixels(albedo)[:, :3] * 255, axis=0) == pytest.approx([160, 60, 40], abs=3)
    relief = shader.inputs["Normal"].links[0].from_node.inputs["Color"].links[0].from_node.image
    assert np.median(pixels(relief)[:, :3] * 255, axis=0) == pytest.approx([128, 128, 255], abs=6)
    assert made["msd_prompt"] == "a red ball with a blue top"


def test_it_is_one_undo_step(made):  # noqa: F811
    name = made.name
    bpy.ops.msd.reshape(method="VOXELS", faces=1000)
    bpy.ops.ed.undo()
    assert len(named(name).data.polygons) == 2208


def test_it_can_be_cancelled_and_leaves_the_object_and_no_process(made):  # noqa: F811
    reshaper = inside("bridge").reshaper()
    reshaper.begin(made, "QUADS", 20_000, 300.0)
    process, folder = reshaper.work.other._process, reshaper.work.other.folder
    assert "Reshaping" in draw("MSD_PT_view3d_asset")
    with pytest.raises(RuntimeError, match="is being reshaped"):
        bpy.ops.msd.reshape(method="VOXELS")
    assert bpy.ops.msd.cancel_reshape() == {"FINISHED"}
    assert process.poll() is not None
    assert not folder.exists()
    assert len(made.data.polygons) == 2208
    assert "{msd.reshape}" in draw("MSD_PT_view3d_asset")


def test_what_takes_too_long_is_given_up(made):  # noqa: F811
    with pytest.raises(RuntimeError, match="not done after 1 s"):
        bpy.ops.msd.reshape(method="QUADS", faces=50_000, limit_s=1.0)
    assert len(made.data.polygons) == 2208
    assert "Reshaping took too long" in draw("MSD_PT_view3d_asset")


def test_another_blender_that_dies_is_noticed(made):  # noqa: F811
    reshaper = inside("bridge").reshaper()
    reshaper.begin(made, "QUADS", 20_000, 300.0)
    reshaper.work.other._process.kill()
    while reshaper.busy:
        reshaper.pump()
        time.sleep(0.01)
    assert reshaper.problem.code == "reshape-failed"
    assert len(made.data.polygons) == 2208


def test_more_quads_than_can_be_waited_for_are_refused(made):  # noqa: F811
    with pytest.raises(RuntimeError, match="from 100 to 50000"):
        bpy.ops.msd.reshape(method="QUADS", faces=60_000)


def test_an_object_that_is_gone_meanwhile_does_no_harm(made):  # noqa: F811
    reshaper = inside("bridge").reshaper()
    reshaper.begin(made, "VOXELS", 500, 300.0)
    bpy.data.objects.remove(made)
    reshaper.wait()
    assert reshaper.problem.code == "reshape-failed"
    assert "is gone" in reshaper.problem.message
