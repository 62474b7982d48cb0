"""From a prompt to a packed image on a new material."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest
from conftest import inside, pump_until
from fake_server import png


def fill(**choices):
    return bpy.ops.msd.fill_texture(**({"prompt": "red bricks", "seed": 3, "width": 64, "height": 32} | choices))


@pytest.fixture
def plane(server):
    bpy.ops.mesh.primitive_plane_add()
    return bpy.context.object


def start_texture(bridge, target):
    """As a window would: without waiting."""
    recipe = inside("core.recipes").texture_recipe("red bricks", width=64, height=32)
    bridge.make_texture(
        recipe, inside("scene.images").Target(target.session_uid, 1.0), inside("ui.preferences").setup()
    )


def image_node(material):
    return next(node for node in material.node_tree.nodes if node.type == "TEX_IMAGE")


def test_a_prompt_becomes_a_packed_image_on_a_new_principled_material(server, plane):
    assert fill(repeat=3.0) == {"FINISHED"}
    material = plane.active_material
    node = image_node(material)
    assert node.image.packed_file is not None
    assert node.image.packed_file.data == png(64, 32)
    assert tuple(node.image.size) == (64, 32)
    assert node.outputs["Color"].links[0].to_socket.name == "Base Color"
    mapping = node.inputs["Vector"].links[0].from_node
    assert tuple(mapping.inputs["Scale"].default_value) == (3, 3, 3)
    assert mapping.inputs["Vector"].links[0].from_socket.name == "UV"


def test_the_image_is_the_right_way_up(server, plane):
    fill()
    image = image_node(plane.active_material).image
    pixels = np.empty(64 * 32 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    rows = pixels.reshape(32, 64, 4)
    assert rows[-1].min() == 1.0
    assert rows[0, 0, :3] == pytest.approx([160 / 255, 60 / 255, 40 / 255], abs=0.01)


def test_the_image_survives_saving_and_opening(server, plane, tmp_path):
    fill()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    (image,) = bpy.data.images
    assert image.packed_file.data == png(64, 32)
    assert image["msd_prompt"] == "red bricks"


def test_image_and_material_tell_where_they_come_from(server, plane):
    fill(tile_y=False)
    for block in (plane.active_material, image_node(plane.active_material).image):
        assert block["msd_prompt"] == "red bricks"
        assert block["msd_seed"] == 3
        assert json.loads(block["msd_recipe"])["texture"] == {
            "width": 64,
            "height": 32,
            "tile_x": True,
            "tile_y": False,
        }


def test_the_material_goes_into_the_active_slot_and_leaves_the_others_alone(server, plane):
    other = bpy.data.materials.new("other")
    plane.data.materials.append(other)
    plane.data.materials.append(None)
    plane.active_material_index = 1
    fill()
    assert plane.material_slots[0].material == other
    assert plane.material_slots[1].material.name.startswith("red bricks")


def test_an_object_without_uvs_gets_a_box_projection_and_keeps_its_mesh_as_it_is(server, plane):
    while plane.data.uv_layers:
        plane.data.uv_layers.remove(plane.data.uv_layers[0])
    fill()
    node = image_node(plane.active_material)
    assert node.projection == "BOX"
    assert node.inputs["Vector"].links[0].from_node.inputs["Vector"].links[0].from_socket.name == "Object"
    assert len(plane.data.uv_layers) == 0


def test_image_only_makes_no_material_and_is_kept(server, bridge):
    assert fill(apply="IMAGE") == {"FINISHED"}
    assert len(bpy.data.materials) == 0
    assert bpy.data.images[bridge.job.result].use_fake_user


def test_the_live_picture_is_shown_and_gone_at_the_end(server, bridge, plane):
    seen = []

    def script(job):
        pixels = np.zeros((16, 32, 4), np.uint8)
        pixels[0] = 255
        job.live_image(pixels)
        job.cancelled.wait(0.3)
        job.live_image(np.full((8, 8, 4), 255, np.uint8))
        job.finish.wait(5)
        job.done(texture__png=png(64, 32))

    server.script = script
    start_texture(bridge, plane)
    for size in ((32, 16), (8, 8)):
        pump_until(bridge, lambda size=size: bool(bpy.data.images) and tuple(bpy.data.images[0].size) == size)
        seen.append(bpy.data.images[0].pixels[-1])
    assert seen == [1.0, 1.0]
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert [image.name for image in bpy.data.images] == ["red bricks 0"]
    assert bridge.job.live_images == 2


def test_one_texture_is_one_undo_step(server, plane):
    bpy.ops.ed.undo_push(message="plane")
    fill()
    bpy.ops.ed.undo()
    assert bpy.context.object.active_material is None
    assert len(bpy.data.images) == 0
    bpy.ops.ed.redo()
    assert bpy.context.object.active_material.name == "red bricks 3"


def test_an_object_that_was_deleted_meanwhile_leaves_the_material_in_the_file(server, bridge, plane):
    def script(job):
        job.finish.wait(5)
        job.done(texture__png=png(64, 32))

    server.script = script
    start_texture(bridge, plane)
    pump_until(bridge, lambda: bool(server.jobs))
    bpy.data.objects.remove(plane)
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert bridge.job.state == "done"
    assert bpy.data.materials["red bricks 0"].use_fake_user


def test_nothing_to_cover_is_said_before_anything_is_sent(server):
    bpy.ops.object.empty_add()
    with pytest.raises(RuntimeError, match="takes no material"):
        fill()
    assert server.jobs == {}


def test_a_damaged_picture_is_refused_and_leaves_the_scene_alone(server, bridge, plane):
    server.script = lambda job: job.done(texture__png=png(64, 32)[:-30])
    with pytest.raises(RuntimeError, match="not a whole PNG"):
        fill()
    assert plane.active_material is None
    assert len(bpy.data.images) == 0
