"""A mesh of the artist's gets a texture on the UV layer that it has."""

from __future__ import annotations

import io

import bpy
import numpy as np
import pytest
from conftest import inside, pump_until
from fake_server import png
from test_panels import draw


@pytest.fixture
def cube(server):
    bpy.ops.mesh.primitive_cube_add()
    return bpy.context.object


def texture(**choices):
    return bpy.ops.msd.texture_mesh(**({"prompt": "a red cube", "seed": 3} | choices))


def uv_bytes(obj):
    return {
        layer.name: b"".join(np.float32(corner.vector).tobytes() for corner in layer.uv) for layer in obj.data.uv_layers
    }


def sent(server):
    (data,) = server.meshes.values()
    return np.load(io.BytesIO(data), allow_pickle=False)


def picture_of(obj):
    return inside("scene.pictures").of_surface(obj)


def test_the_texture_comes_on_a_new_material_for_the_uv_layer_that_is_active_whose_bytes_stay(server, cube):
    cube.data.uv_layers.new(name="Second")
    cube.data.uv_layers.active = cube.data.uv_layers["UVMap"]
    before = uv_bytes(cube)
    assert texture() == {"FINISHED"}
    assert uv_bytes(cube) == before
    node = next(node for node in cube.active_material.node_tree.nodes if node.type == "TEX_IMAGE")
    assert node.image.packed_file.data == png(64, 32)
    assert node.inputs["Vector"].links[0].from_node.uv_map == "UVMap"
    assert node.outputs["Color"].links[0].to_socket.name == "Base Color"


def test_the_server_gets_the_mesh_with_its_corners_as_it_stands_in_the_scene(server, cube):
    cube.location, cube.scale = (5, 0, 0), (1, 2, 3)
    bpy.context.view_layer.update()
    texture()
    arrays = sent(server)
    assert np.allclose(np.ptp(arrays["position"], 0), (2, 4, 6))
    assert arrays["triangle"].shape == (12, 3)
    assert arrays["uv"].shape == (12, 3, 2)
    assert arrays["uv"].min() >= 0
    assert arrays["chosen"].all()
    corners = arrays["position"][arrays["triangle"]]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((flat * arrays["normal"][:, 0]).sum(1) > 0).all()


def test_a_negative_scale_turns_no_face_inside_out(server, cube):
    cube.scale = (-1, 1, 1)
    bpy.context.view_layer.update()
    texture()
    arrays = sent(server)
    corners = arrays["position"][arrays["triangle"]]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((flat * corners.mean(1)).sum(1) > 0).all()
    assert ((flat[:, None] * arrays["normal"]).sum(-1) > 0).all()


def test_modifiers_and_shape_keys_are_textured_as_they_are_seen_and_it_says_so(server, bridge, cube):
    cube.shape_key_add(name="Basis")
    key = cube.shape_key_add(name="Long")
    for point in key.data:
        point.co.z *= 3
    key.value = 1.0
    cube.modifiers.new("Finer", "SUBSURF").subdivision_type = "SIMPLE"
    before = uv_bytes(cube)
    texture()
    arrays = sent(server)
    assert len(arrays["triangle"]) == 48
    assert np.ptp(arrays["position"], 0)[2] == pytest.approx(6, rel=1e-3)
    assert uv_bytes(cube) == before
    assert any("modifiers" in note for note in bridge.job.notes)
    assert any("keys" in note for note in bridge.job.notes)


def test_a_mesh_that_several_objects_share_is_textured_for_all_and_it_says_so(server, bridge, cube):
    other = bpy.data.objects.new("other", cube.data)
    bpy.context.collection.objects.link(other)
    texture()
    assert other.material_slots[0].material == cube.active_material
    assert any("share" in note for note in bridge.job.notes)


def test_every_slot_gets_the_texture_of_the_whole_mesh_and_one_slot_that_of_its_own_faces(server, cube):
    old = [bpy.data.materials.new(name) for name in ("first", "second")]
    for material in old:
        cube.data.materials.append(material)
    cube.data.polygons[0].material_index = 1
    cube.active_material_index = 1
    texture(faces="SLOT")
    assert cube.material_slots[0].material == old[0]
    assert cube.material_slots[1].material not in old
    assert sent(server)["chosen"].sum() == 2
    texture(faces="ALL")
    assert cube.material_slots[0].material == cube.material_slots[1].material != old[0]


def test_selected_faces_take_the_old_colour_of_the_others_along(server, cube):
    for polygon in cube.data.polygons:
        polygon.select = polygon.index == 2
    material = bpy.data.materials.new("green")
    material.use_nodes = True
    cube.data.materials.append(material)
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0, 1, 0, 1)
    texture(faces="SELECTED")
    arrays = sent(server)
    assert arrays["chosen"].sum() == 2
    assert (arrays["before"] == (0, 255, 0)).all()


def test_selected_faces_take_the_old_picture_of_the_others_along_top_row_first(server, cube):
    texture()
    server.meshes.clear()
    for polygon in cube.data.polygons:
        polygon.select = polygon.index == 2
    texture(faces="SELECTED")
    before = sent(server)["before"]
    assert before.shape == (32, 64, 3)
    assert (before[0] == 255).all()
    assert (before[1:] == (160, 60, 40)).all()


def test_this_picture_is_filled_and_can_be_restored(server, cube):
    texture()
    material, picture = cube.active_material, picture_of(cube)
    first = bytes(picture.packed_file.data)
    server.png = png(16, 16, (0, 200, 0))
    texture(apply="THIS")
    assert cube.active_material == material
    assert picture_of(cube) == picture
    assert bytes(picture.packed_file.data) == server.png
    assert bpy.ops.msd.restore_picture() == {"FINISHED"}
    assert bytes(picture.packed_file.data) == first


def refused(code, **choices):
    with pytest.raises(RuntimeError):
        texture(**choices)
    assert inside("bridge").current().problem.code == code


def test_a_mesh_without_uvs_is_refused_and_a_new_layer_is_made_when_that_is_wanted(server, cube):
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    cube.data.polygons[1].select = False
    refused("mesh-without-uvs")
    assert len(cube.data.uv_layers) == 0
    assert bpy.ops.msd.make_uv_layer() == {"FINISHED"}
    assert [polygon.select for polygon in cube.data.polygons] == [True, False, True, True, True, True]
    assert cube.mode == "OBJECT"
    uv = np.array([corner.vector[:] for corner in cube.data.uv_layers.active.uv])
    assert len(np.unique(uv, axis=0)) > 8
    assert texture() == {"FINISHED"}


def test_a_layer_that_is_there_is_not_unwrapped_again(server, cube):
    assert not bpy.ops.msd.make_uv_layer.poll()


def test_several_meshes_are_refused(server, cube):
    bpy.ops.mesh.primitive_cube_add()
    cube.select_set(True)
    refused("objects-several")


@pytest.mark.parametrize("kind", ["curve", "instances", "nothing"])
def test_what_is_no_mesh_is_refused(server, kind):
    if kind == "curve":
        bpy.ops.curve.primitive_bezier_circle_add()
    elif kind == "instances":
        collection = bpy.data.collections.new("many")
        empty = bpy.data.objects.new("empty", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", collection
        bpy.context.collection.objects.link(empty)
        bpy.context.view_layer.objects.active = empty
    refused("mesh-needed")


def test_a_linked_object_is_refused(server, cube, tmp_path):
    path = tmp_path / "other.blend"
    bpy.data.libraries.write(str(path), {cube})
    with bpy.data.libraries.load(str(path), link=True) as (there, here):
        here.objects = list(there.objects)
    linked = here.objects[0]
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    refused("object-linked")


def test_a_picture_of_udim_tiles_is_refused(server, cube):
    texture()
    picture_of(cube).source = "TILED"
    refused("image-tiled")


def test_no_selected_face_and_no_face_at_all_are_refused(server, cube):
    for polygon in cube.data.polygons:
        polygon.select = False
    refused("mesh-empty", faces="SELECTED")
    cube.data.clear_geometry()
    cube.data.uv_layers.new(name="UVMap")
    refused("mesh-empty")


def test_more_than_two_million_faces_are_refused_before_they_are_gathered(server, cube):
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=1100, y_subdivisions=1000)
    refused("mesh-too-large")


def test_a_modifier_that_leaves_no_uvs_is_named(server, cube):
    tree = bpy.data.node_groups.new("plain", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    made = tree.nodes.new("GeometryNodeMeshUVSphere")
    out = tree.nodes.new("NodeGroupOutput")
    tree.links.new(made.outputs["Mesh"], out.inputs[0])
    cube.modifiers.new("Nodes", "NODES").node_group = tree
    refused("mesh-without-uvs")


def test_another_seed_sends_the_same_mesh_again(server, cube):
    texture()
    (name,) = server.meshes
    server.meshes.clear()
    assert bpy.ops.msd.another_seed() == {"FINISHED"}
    assert list(server.meshes) == [name]
    assert list(server.jobs.values())[-1].recipe["retexture"]["mesh"] == name


def test_the_active_material_takes_a_new_picture_into_its_base_color_and_stays_otherwise(server, cube):
    texture()
    material, old = cube.active_material, picture_of(cube)
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.123
    texture(apply="SLOT")
    assert cube.active_material == material
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.123)
    assert picture_of(cube) not in (None, old)
    assert shader.inputs["Base Color"].links[0].from_node.inputs["Vector"].links[0].from_node.uv_map == "UVMap"


def test_a_mesh_without_a_material_has_no_slot_to_fill(server, cube):
    refused("nothing-to-fill", apply="SLOT")
    refused("nothing-to-fill", apply="THIS")


def test_the_panel_says_why_it_is_off_and_offers_what_helps(server, cube):
    settings = bpy.context.scene.msd.retexture
    settings.prompt = "a red cube"
    drawn = draw("MSD_PT_view3d_retexture")
    assert "{msd.texture_mesh}" in drawn
    assert "UVMap, which stays as it is" in drawn.replace("\n", " ")
    assert "{msd.make_uv_layer}" not in drawn
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    drawn = draw("MSD_PT_view3d_retexture")
    assert "{msd.texture_mesh off}" in drawn
    assert "{msd.make_uv_layer}" in drawn
    assert "has no UV layer" in drawn.replace("\n", " ")


def test_the_panel_offers_to_restore_a_picture_that_was_filled(server, cube):
    texture()
    assert "{msd.restore_picture}" not in draw("MSD_PT_view3d_retexture")
    texture(apply="THIS")
    drawn = draw("MSD_PT_view3d_retexture")
    assert "{msd.restore_picture}" in drawn
    assert "64 x 32" in drawn


def test_it_forms_on_the_object_and_a_cancelled_job_leaves_it_as_it_was(server, bridge, cube):
    old = [bpy.data.materials.new(name) for name in ("first", "second")]
    for material in old:
        cube.data.materials.append(material)

    def script(job):
        job.live_image(np.full((8, 8, 4), 255, np.uint8))
        job.cancelled.wait(20)
        job.send("state", state="cancelled")

    server.script = script
    recipes, given = inside("core.recipes"), inside("scene.given")
    file = given.gather(bpy.context, cube, "ALL").packed()
    values = inside("ui.values").Values(bpy.context.scene.msd.retexture)
    target = inside("ui.aims").surface(bpy.context, values)
    recipe = recipes.retexture_recipe("a red cube", mesh=file.name)
    bridge.make_texture(recipe, target, inside("ui.preferences").setup(), [file])
    pump_until(bridge, lambda: bridge.job.live_images)
    worn = [slot.material for slot in cube.material_slots]
    assert not set(worn) & set(old)
    assert all(material.is_runtime_data for material in worn)
    bridge.cancel()
    assert [slot.material for slot in cube.material_slots] == old
