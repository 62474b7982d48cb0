"""A texture's maps on a material, what it goes on, and an image that is filled and restored."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import inside
from fake_server import png
from test_panels import Paper, draw

MAPS = {"NORMAL", "HEIGHT", "ROUGHNESS", "AO", "ALBEDO", "METALLIC", "ORM"}


def fill(**choices):
    return bpy.ops.msd.fill_texture(**({"prompt": "red bricks", "seed": 3, "width": 64, "height": 32} | choices))


@pytest.fixture
def plane(server):
    bpy.ops.mesh.primitive_plane_add(size=2)
    return bpy.context.object


def source(material, socket: str):
    """The node that feeds a socket of the Principled node; None when nothing does."""
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    links = shader.inputs[socket].links
    return links[0].from_node if links else None


def picture(node) -> str:
    """What an image node, or the first image node behind a node, shows: the end of its image's name."""
    while node.type != "TEX_IMAGE":
        node = next(socket.links[0].from_node for socket in node.inputs if socket.links)
    return node.image.name.removeprefix("red bricks 3").strip()


def mapping_of(material):
    return next(node for node in material.node_tree.nodes if node.type == "MAPPING")


def test_only_the_colour_is_asked_for_by_itself(server, plane):
    fill()
    assert "maps" not in server.job.recipe["texture"]
    assert [image.name for image in bpy.data.images] == ["red bricks 3"]


def test_every_map_is_packed_holds_data_and_feeds_its_socket(server, plane):
    assert fill(maps=MAPS - {"ORM"}) == {"FINISHED"}
    assert server.job.recipe["texture"]["maps"] == ["albedo", "normal", "height", "roughness", "ao", "metallic"]
    material = plane.active_material
    images = {image.name.removeprefix("red bricks 3").strip(): image for image in bpy.data.images}
    assert set(images) == {"", "albedo", "normal", "height", "roughness", "ao", "metallic"}
    for name, image in images.items():
        assert image.packed_file is not None
        assert tuple(image.size) == (64, 32)
        assert image["msd_prompt"] == "red bricks"
        assert image.colorspace_settings.name == ("sRGB" if name in ("", "albedo") else "Non-Color")
    assert picture(source(material, "Roughness")) == "roughness"
    assert picture(source(material, "Metallic")) == "metallic"
    relief = source(material, "Normal")
    assert relief.type == "NORMAL_MAP"
    assert picture(relief) == "normal"
    mix = source(material, "Base Color")
    assert (mix.type, mix.blend_type, mix.data_type) == ("MIX", "MULTIPLY", "RGBA")
    assert [picture(link.from_node) for socket in mix.inputs for link in socket.links] == ["albedo", "ao"]
    for node in (node for node in material.node_tree.nodes if node.type == "TEX_IMAGE"):
        assert node.inputs["Vector"].links[0].from_node == mapping_of(material)
    assert material.node_tree.nodes.active.image.name == "red bricks 3"


def test_a_height_keeps_its_16_bits(server, plane):
    fill(maps={"HEIGHT"})
    image = bpy.data.images["red bricks 3 height"]
    pixels = np.empty(64 * 32 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    assert pixels[0] == pytest.approx(0x4000 / 0xFFFF, abs=1e-5)
    assert image.is_float or image.depth >= 16


def test_a_height_alone_lifts_the_surface(server, plane):
    fill(maps={"HEIGHT"}, repeat=4.0)
    relief = source(plane.active_material, "Normal")
    assert relief.type == "BUMP"
    assert relief.inputs["Distance"].default_value == pytest.approx(0.02 * 2 / 4)  # 2 m wide, 4 pictures across


def test_without_a_uv_map_the_relief_comes_from_the_height(server, plane):
    plane.data.uv_layers.remove(plane.data.uv_layers[0])
    fill(maps={"NORMAL", "HEIGHT"})
    assert source(plane.active_material, "Normal").type == "BUMP"
    fill(maps={"NORMAL"})
    assert source(plane.active_material, "Normal") is None


def test_the_packed_map_stands_in_for_roughness_and_metallic(server, plane):
    fill(maps={"ORM"})
    for socket in ("Roughness", "Metallic"):
        assert source(plane.active_material, socket).type == "SEPARATE_COLOR"
    assert bpy.data.images["red bricks 3 orm"].colorspace_settings.name == "Non-Color"


def test_a_material_with_maps_renders(server, plane):
    fill(maps=MAPS)
    bpy.ops.object.camera_add(location=(0, 0, 3))
    scene = bpy.context.scene
    scene.camera = bpy.context.object
    bpy.ops.object.light_add(type="SUN")
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    bpy.ops.render.render()
    assert scene.render.engine == "CYCLES"


@pytest.mark.parametrize("size", [1.0, 4.0])
def test_a_width_in_metres_holds_on_any_uv_map(server, plane, size):
    for corner in plane.data.uv_layers.active.uv:
        corner.vector *= size  # UVs that leave the square
    plane.scale = (3, 3, 3)
    bpy.context.view_layer.update()
    fill(real_width=0.5)
    scale = mapping_of(plane.active_material).inputs["Scale"].default_value
    # 6 m of plane over `size` units of UV; the picture is twice as wide as high.
    assert tuple(scale)[:2] == pytest.approx((6 / size / 0.5, 6 / size / 0.5 * 2), rel=1e-4)


def test_a_width_in_metres_holds_without_a_uv_map_and_in_any_unit(server, plane):
    plane.data.uv_layers.remove(plane.data.uv_layers[0])
    bpy.context.scene.unit_settings.scale_length = 0.01
    fill(real_width=0.5)
    assert mapping_of(plane.active_material).inputs["Scale"].default_value[0] == pytest.approx(1 / 50)


def test_a_surface_without_area_is_taken_as_it_is(addon):
    mesh = bpy.data.meshes.new("none")
    obj = bpy.data.objects.new("none", mesh)
    assert inside("scene.spans").unit_span(obj) == 1.0
    mesh.from_pydata([(0, 0, 0)] * 3, [], [(0, 1, 2)])
    mesh.uv_layers.new()
    assert inside("scene.spans").unit_span(obj) == 1.0


def test_all_selected_objects_get_the_material(server, plane):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.mesh.primitive_cube_add()
    other = bpy.context.object
    other.select_set(False)
    for obj in (plane, cube):
        obj.select_set(True)
    bpy.context.view_layer.objects.active = cube
    fill(apply="SELECTED", maps={"NORMAL"})
    names = {obj.active_material.name.split(".")[0] for obj in (plane, cube)}
    assert names == {"red bricks 3"}
    assert plane.active_material["msd_seed"] == 3
    assert other.active_material is None


def test_when_nothing_is_selected_only_the_image_is_made(server, bridge):
    assert fill(maps={"NORMAL"}) == {"FINISHED"}
    assert len(bpy.data.materials) == 0
    assert {image.name for image in bpy.data.images if image.use_fake_user} == {"red bricks 3", "red bricks 3 normal"}


def in_the_editor():
    """The Image Editor as context."""
    window = bpy.context.window_manager.windows[0]
    return bpy.context.temp_override(window=window, area=window.screen.areas[0])


@pytest.fixture
def shown(server):
    """A blue image of 8 x 4 pixels in the Image Editor."""
    image = bpy.data.images.new("mine", 8, 4)
    image.pixels.foreach_set(np.tile(np.array([0, 0, 1, 1], np.float32), 32))
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    before, area.type = area.type, "IMAGE_EDITOR"
    area.spaces.active.image = image
    yield image
    # Opening a file makes other areas.
    bpy.context.window_manager.windows[0].screen.areas[0].type = before


@pytest.fixture
def no_undo_steps(addon):
    """An operator runs without Python's lock and yet reads an overridden context, which it may only where no other
    thread of Python's is awake (seen in Blender 5.0.1). Of its parts a push of an undo step reads by far the most, and
    the double's threads are always awake."""
    edit = bpy.context.preferences.edit
    before, edit.undo_steps = edit.undo_steps, 0
    yield
    edit.undo_steps = before


@pytest.fixture
def editor(shown, no_undo_steps):
    """The same, with the Image Editor as context; no file may be opened meanwhile."""
    with in_the_editor():
        yield shown


def colour_of(image) -> tuple[float, ...]:
    return tuple(image.pixels[:3])


def test_this_image_is_filled_and_can_be_restored(editor):
    assert fill(apply="THIS") == {"FINISHED"}
    assert tuple(editor.size) == (64, 32)
    assert editor.packed_file.data == png(64, 32)
    assert colour_of(editor) == pytest.approx((160 / 255, 60 / 255, 40 / 255), abs=0.01)
    assert editor["msd_prompt"] == "red bricks"
    paper = Paper()
    inside("ui.panels").MSD_PT_image_texture.draw(SimpleNamespace(layout=paper), bpy.context)
    assert {"<show_repeat>", "{msd.restore_image}"} <= set(paper.sheet)
    assert bpy.ops.msd.restore_image() == {"FINISHED"}
    assert tuple(editor.size) == (8, 4)
    assert colour_of(editor) == pytest.approx((0, 0, 1), abs=0.01)
    assert [image.name for image in bpy.data.images] == ["mine"]
    assert not bpy.ops.msd.restore_image.poll()


def test_an_image_that_was_filled_twice_is_restored_to_what_the_artist_had(editor):
    fill(apply="THIS")
    fill(apply="THIS", seed=4)
    bpy.ops.msd.restore_image()
    assert colour_of(editor) == pytest.approx((0, 0, 1), abs=0.01)


def test_what_was_in_the_image_survives_saving(shown, no_undo_steps, tmp_path):
    with in_the_editor():
        fill(apply="THIS")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    overwriting, image = inside("scene.overwriting"), bpy.data.images["mine"]
    assert overwriting.was_filled(image)
    overwriting.restore(image)
    assert colour_of(image) == pytest.approx((0, 0, 1), abs=0.01)


def test_this_image_needs_an_image_that_may_be_changed(server):
    with pytest.raises(RuntimeError, match="no image here"):
        fill(apply="THIS")
    assert server.jobs == {}


def test_an_image_that_was_deleted_meanwhile_becomes_a_new_one(server, bridge, editor):
    def script(job):
        job.finish.wait(5)
        job.done(texture__png=png(64, 32))

    server.script = script
    images, recipe = inside("scene.images"), inside("core.recipes").texture_recipe("red bricks", width=64, height=32)
    target = images.Target(None, 1.0, "mine", image_uid=editor.session_uid)
    bridge.make_texture(recipe, target, inside("ui.preferences").setup())
    bpy.data.images.remove(editor)
    bridge.pump()
    while not server.jobs:
        bridge.pump()
    server.job.finish.set()
    bridge.wait(bridge.job)
    assert bridge.job.state == "done"
    assert "red bricks 0" in bpy.data.images


def test_the_panel_says_that_maps_are_estimated(addon):
    settings = bpy.context.scene.msd.texture
    assert "Estimated from colour" not in draw("MSD_PT_view3d_texture")
    settings.maps = {"NORMAL"}
    assert "Estimated from colour" in draw("MSD_PT_view3d_texture")
