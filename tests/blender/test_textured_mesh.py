"""A mesh that comes with baked maps shows them; one that comes without shows its vertex colours."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from fake_server import cube_arrays, make_cube, npz, png


def cube_uv() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (12, 3, 2)).astype(np.float32)


def generate() -> bpy.types.Object:
    assert bpy.ops.msd.generate_mesh(prompt="a red cube", seed=7) == {"FINISHED"}
    return bpy.context.object


def painted(job):
    job.send("state", state="running")
    job.live_mesh()
    mesh = npz(**cube_arrays(), uv=cube_uv())
    job.done(mesh__npz=mesh, mesh__glb=b"glTF", albedo__png=png(64, 64), normal__png=png(64, 64))


def shader_of(obj: bpy.types.Object) -> bpy.types.ShaderNode:
    (material,) = obj.data.materials
    return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def test_baked_maps_are_wired_into_the_material_and_packed(server):
    server.script = painted
    obj = generate()
    shader = shader_of(obj)
    colours = shader.inputs["Base Color"].links[0].from_node
    relief = shader.inputs["Normal"].links[0].from_node
    bumps = relief.inputs["Color"].links[0].from_node
    assert (colours.type, relief.type, bumps.type) == ("TEX_IMAGE", "NORMAL_MAP", "TEX_IMAGE")
    assert relief.space == "TANGENT"
    for node, space in ((colours, "sRGB"), (bumps, "Non-Color")):
        assert node.image.packed_file.data == png(64, 64)
        assert tuple(node.image.size) == (64, 64)
        assert node.image.colorspace_settings.name == space
        assert node.inputs["Vector"].links[0].from_node.uv_map == obj.data.uv_layers.active.name == relief.uv_map


def test_every_corner_finds_its_place_on_the_texture(server):
    server.script = painted
    layer = generate().data.uv_layers.active
    assert layer.active_render
    uv = np.empty(72, np.float32)
    layer.data.foreach_get("uv", uv)
    assert uv.reshape(12, 3, 2) == pytest.approx(cube_uv())


def test_the_vertex_colours_stay_on_a_textured_mesh(server):
    server.script = painted
    assert len(generate().data.color_attributes) == 1


def test_a_previews_leavings_do_not_include_images(server):
    server.script = painted
    generate()
    assert len(bpy.data.images) == 2
    assert len(bpy.data.meshes) == len(bpy.data.materials) == 1


def test_a_texture_for_a_baked_mesh_is_projected_and_not_cut_up_by_its_charts(server):
    server.script = painted
    obj = generate()
    server.script = make_cube
    assert bpy.ops.msd.fill_texture(prompt="red bricks", width=64, height=32) == {"FINISHED"}
    node = shader_of(obj).inputs["Base Color"].links[0].from_node
    assert (node.type, node.projection) == ("TEX_IMAGE", "BOX")


def test_a_mesh_without_maps_shows_its_vertex_colours(server):
    colours = shader_of(generate()).inputs["Base Color"].links[0].from_node
    assert colours.type == "VERTEX_COLOR"
    assert len(bpy.data.images) == 0


def test_a_uv_of_the_wrong_shape_is_refused_and_the_scene_left_alone(server, bridge):
    def damaged(job):
        job.send("state", state="running")
        job.done(mesh__npz=npz(**cube_arrays(), uv=cube_uv()[:5]))

    server.script = damaged
    with pytest.raises(RuntimeError, match="uv"):
        bpy.ops.msd.generate_mesh(prompt="a red cube")
    assert bridge.problem.code == "mesh-damaged"
    assert len(bpy.data.meshes) == 0
