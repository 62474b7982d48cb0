"""A result in the place of an object that is there, in another collection, or as an asset at once."""

from __future__ import annotations

import math

import bpy
import pytest
from test_panels import draw


def generate(**choices):
    return bpy.ops.msd.generate_mesh(**({"prompt": "a red cube", "seed": 7} | choices))


@pytest.fixture
def stand_in(server):
    """A box of 2 x 4 x 1, turned by 30 degrees, in a collection and a family of its own."""
    props = bpy.data.collections.new("Props")
    bpy.context.scene.collection.children.link(props)
    parent = bpy.data.objects.new("parent", None)
    parent.location = (1, 0, 0)
    bpy.context.scene.collection.objects.link(parent)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(5, 6, 7), rotation=(0, 0, math.radians(30)))
    box = bpy.context.object
    box.name, box.scale = "box", (2, 4, 1)
    for collection in box.users_collection:
        collection.objects.unlink(box)
    props.objects.link(box)
    box.parent = parent
    box.matrix_parent_inverse.identity()
    box.location.x -= 1
    child = bpy.data.objects.new("child", None)
    props.objects.link(child)
    child.parent = box
    child.location = (0, 0, 1)
    bpy.context.view_layer.objects.active = box
    box.select_set(True)
    bpy.context.view_layer.update()
    bpy.ops.ed.undo_push(message="before")
    return box


def test_it_stands_where_the_old_one_stood_as_large_and_turned_as_that(stand_in):
    assert generate(place="SELECTED") == {"FINISHED"}
    bpy.context.view_layer.update()
    obj = bpy.context.object
    assert obj.name == "a red cube"
    assert "box" not in bpy.data.objects
    assert tuple(obj.matrix_world.translation) == pytest.approx((5, 6, 6.5), abs=1e-5)
    assert tuple(obj.dimensions) == pytest.approx((4, 4, 4), abs=1e-4)
    assert obj.matrix_world.to_euler().z == pytest.approx(math.radians(30), abs=1e-5)


def test_it_has_the_old_ones_collection_parent_and_children_which_stay_where_they_are(stand_in):
    before = bpy.data.objects["child"].matrix_world.translation.copy()
    generate(place="SELECTED")
    bpy.context.view_layer.update()
    obj, child = bpy.context.object, bpy.data.objects["child"]
    assert [collection.name for collection in obj.users_collection] == ["Props"]
    assert obj.parent.name == "parent"
    assert child.parent == obj
    assert tuple(child.matrix_world.translation) == pytest.approx(tuple(before), abs=1e-4)


def test_one_undo_step_brings_the_old_one_back(stand_in):
    generate(place="SELECTED")
    bpy.ops.ed.undo()
    assert "a red cube" not in bpy.data.objects
    assert tuple(bpy.data.objects["box"].scale) == (2, 4, 1)


def test_where_nothing_is_selected_it_is_refused_and_the_panel_says_why(server):
    with pytest.raises(RuntimeError, match="No object is selected"):
        generate(place="SELECTED")
    bpy.context.scene.msd.mesh.prompt = "a duck"
    bpy.context.scene.msd.mesh.place = "SELECTED"
    drawn = draw("MSD_PT_view3d_object")
    assert "{msd.generate_mesh off}" in drawn
    assert "No object is selected" in " ".join(drawn.split())


def test_what_has_no_size_is_not_replaced(server):
    bpy.ops.object.empty_add()
    with pytest.raises(RuntimeError, match="has no size"):
        generate(place="SELECTED")


def test_without_a_collection_of_its_own_it_goes_into_the_active_one(server):
    assert generate(collected=False) == {"FINISHED"}
    assert bpy.context.object.users_collection == (bpy.context.scene.collection,)
    assert not bpy.data.collections


def test_a_result_is_an_asset_at_once_when_that_was_wanted(server):
    bpy.ops.ed.undo_push(message="before")
    generate(as_asset=True)
    assert [tag.name for tag in bpy.context.object.asset_data.tags] == ["red", "cube"]
    bpy.ops.ed.undo()
    assert not bpy.data.objects
