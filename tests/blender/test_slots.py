"""A texture goes into one input of a material that is there."""

from __future__ import annotations

import bpy
import pytest
from conftest import inside


@pytest.fixture
def plane(server):
    bpy.ops.mesh.primitive_plane_add()
    obj = bpy.context.object
    obj.data.materials.append(bpy.data.materials.new("old"))
    if bpy.app.version < (5, 0, 0):
        obj.active_material.use_nodes = True
    return obj


def fill(slot, **choices):
    chosen = {"prompt": "red bricks", "seed": 3, "width": 64, "height": 32, "apply": "SLOT", "slot": slot}
    return bpy.ops.msd.fill_texture(**(chosen | choices))


def shader_of(obj):
    return next(node for node in obj.active_material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


@pytest.mark.parametrize(("slot", "role"), [("COLOUR", None), ("ROUGHNESS", "roughness"), ("NORMAL", "normal")])
def test_an_input_of_the_active_material_takes_the_picture_that_it_is_for(server, plane, slot, role):
    material = plane.active_material
    assert fill(slot, repeat=2.0, maps={"HEIGHT"}) == {"FINISHED"}
    assert plane.active_material == material
    assert server.job.recipe["texture"].get("maps", []) == ([] if role is None else [role])
    name = {"COLOUR": "Base Color", "ROUGHNESS": "Roughness", "NORMAL": "Normal"}[slot]
    shader = shader_of(plane)
    source = shader.inputs[name].links[0].from_node
    if slot == "NORMAL":
        assert source.type == "NORMAL_MAP"
        source = source.inputs["Color"].links[0].from_node
    assert source.type == "TEX_IMAGE"
    assert source.image.packed_file is not None
    assert source.image.colorspace_settings.name == ("sRGB" if role is None else "Non-Color")
    assert tuple(source.inputs["Vector"].links[0].from_node.inputs["Scale"].default_value) == (2, 2, 2)
    others = [each for each in ("Base Color", "Roughness", "Normal") if each != name]
    assert not any(shader.inputs[each].is_linked for each in others)


def test_what_an_input_was_linked_to_stays_in_the_material(server, plane):
    fill("COLOUR")
    first = shader_of(plane).inputs["Base Color"].links[0].from_node
    fill("COLOUR", seed=4)
    second = shader_of(plane).inputs["Base Color"].links[0].from_node
    assert second != first
    assert first.image is not None
    assert first.name in plane.active_material.node_tree.nodes


def test_an_object_without_such_a_material_is_refused(server, plane):
    plane.data.materials.clear()
    with pytest.raises(RuntimeError):
        fill("ROUGHNESS")
    assert inside("bridge").current().problem.code == "nothing-to-fill"


def test_without_uvs_the_picture_is_projected_from_the_sides(server, plane):
    plane.data.uv_layers.remove(plane.data.uv_layers[0])
    fill("ROUGHNESS")
    source = shader_of(plane).inputs["Roughness"].links[0].from_node
    assert source.projection == "BOX"
    mapping = source.inputs["Vector"].links[0].from_node
    assert mapping.inputs["Vector"].links[0].from_socket.name == "Object"
