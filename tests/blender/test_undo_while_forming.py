"""Undo and redo while something forms. What Blender holds to be the same in two steps it leaves as it is in memory, so
nothing of the user's may point at a preview then: it would point at freed memory, and Blender would crash."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from conftest import pump_until
from fake_server import png, run_until_told
from test_seen import start_texture


def a_step(name: str) -> None:
    """A step that leaves the scene and all that is in it the same."""
    bpy.data.objects.new(name, None)
    bpy.ops.ed.undo_push(message=name)


def previews() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if "msd_preview" in obj]


def shown() -> list[bpy.types.Object]:
    """The preview objects that are in the view layer."""
    bpy.context.view_layer.update()
    return [obj for obj in bpy.context.view_layer.objects if "msd_preview" in obj]


def materials_of(name: str) -> list[str]:
    bpy.context.view_layer.update()
    return [slot.material.name for slot in bpy.data.objects[name].material_slots]


def finish(forming: SimpleNamespace) -> None:
    forming.server.job.finish.set()
    pump_until(forming.bridge, lambda: not forming.bridge.job.busy)
    assert forming.bridge.problem is None


@pytest.fixture
def desk(addon, server, bridge):
    """What a new file of Blender's has in it, and some steps in which nothing of that was changed."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    for number in range(3):
        a_step(f"step {number}")
    return SimpleNamespace(server=server, bridge=bridge)


@pytest.fixture
def object_forms(desk, start):
    desk.server.script = run_until_told
    start()
    pump_until(desk.bridge, lambda: desk.bridge.job.live_meshes == 1)
    return desk


@pytest.fixture(params=["with a material", "without one"])
def picture_forms(desk, request):
    def script(job):
        job.send("state", state="running")
        job.live_image(np.full((16, 32, 4), 200, np.uint8))
        while not job.cancelled.wait(0.02):
            if job.finish.is_set():
                job.done(texture__png=png(64, 32))
                return

    desk.server.script = script
    desk.wore = ["Material"] if request.param == "with a material" else []
    if not desk.wore:
        bpy.data.objects["Cube"].data.materials.clear()
        for number in range(3):
            a_step(f"bare {number}")
    start_picture(desk)
    return desk


def start_picture(desk: SimpleNamespace) -> None:
    start_texture(desk.bridge, bpy.data.objects["Cube"])
    pump_until(desk.bridge, lambda: desk.bridge.job.live_images == 1)


@pytest.mark.parametrize("steps", [1, 2])
def test_an_object_goes_on_forming_where_it_was(object_forms, steps):
    previews()[0].location.x = 3.0
    for _ in range(steps):
        bpy.ops.ed.undo()
    (preview,) = shown()
    assert preview.location.x == 3.0
    assert len(preview.data.vertices) > 0
    assert [each.name for each in bpy.context.scene.collection.children] == ["Collection", "Generated (preview)"]
    finish(object_forms)
    assert bpy.data.objects["a red cube"].location.x == 3.0
    assert shown() == previews() == []


def test_to_undo_a_move_of_what_forms_moves_it_back(object_forms):
    start = tuple(previews()[0].location)
    bpy.context.view_layer.objects.active = previews()[0]
    bpy.ops.ed.undo_push(message="selected")
    previews()[0].location.x = 3.0
    bpy.ops.ed.undo_push(message="moved")
    bpy.ops.ed.undo()
    (preview,) = shown()
    assert previews() == [preview]
    assert tuple(preview.location) == start
    assert bpy.context.object == preview
    bpy.ops.ed.redo()
    assert [each.location.x for each in shown()] == [3.0]


def test_undo_and_redo_over_its_beginning_and_behind_its_end_leave_no_preview_behind(object_forms):
    bpy.data.objects["Cube"].location.x = 5.0
    bpy.ops.ed.undo_push(message="moved meanwhile")
    finish(object_forms)
    for step in (bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.redo, bpy.ops.ed.redo):
        step()
        assert shown() == previews() == []
    assert "a red cube" in bpy.context.view_layer.objects
    assert bpy.data.objects["Cube"].location.x == 5.0


def test_the_view_stays_where_the_user_has_turned_it(object_forms):
    view = next(
        area.spaces.active.region_3d
        for area in bpy.context.window_manager.windows[0].screen.areas
        if area.type == "VIEW_3D"
    )
    view.view_location = (50.0, 50.0, 0.0)
    bpy.ops.ed.undo()
    assert len(shown()) == 1
    assert tuple(view.view_location) == (50.0, 50.0, 0.0)


def test_what_was_edited_while_it_formed_does_no_harm(object_forms):
    bpy.context.view_layer.objects.active = previews()[0]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.ed.undo_push(message="edited")
    bpy.ops.ed.undo()
    assert len(shown()) == len(previews()) == 1
    finish(object_forms)
    assert "a red cube" in bpy.context.view_layer.objects


@pytest.mark.parametrize("steps", [1, 2])
def test_a_picture_goes_on_forming_on_a_surface_that_is_given_back_in_the_end(picture_forms, steps):
    for _ in range(steps):
        bpy.ops.ed.undo()
    assert materials_of("Cube") == ["MSD preview picture"]
    bpy.ops.msd.cancel()
    assert materials_of("Cube") == picture_forms.wore
    assert [each.name for each in bpy.data.images if "msd_preview" in each] == []


def test_a_finished_picture_is_put_on_behind_an_undo(picture_forms):
    bpy.ops.ed.undo()
    finish(picture_forms)
    assert [name.split()[:2] for name in materials_of("Cube")] == [["red", "bricks"]]
    bpy.ops.ed.undo()
    assert materials_of("Cube") == picture_forms.wore


def test_a_step_from_while_a_picture_formed_shows_what_was_there_before(picture_forms):
    for number in range(3):
        a_step(f"meanwhile {number}")
    bpy.ops.msd.cancel()
    for step in (bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.redo):
        step()
        assert materials_of("Cube") == picture_forms.wore
        assert [each.name for each in bpy.data.materials if "msd_preview" in each] == []


def test_what_formed_in_a_file_that_was_closed_does_not_come_back(object_forms):
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    for number in range(3):
        a_step(f"step {number}")
    bpy.ops.ed.undo()
    assert shown() == previews() == []


def test_a_picture_whose_job_failed_is_not_put_on_again(picture_forms):
    picture_forms.server.job.fail("worker-died", "It died.", "")
    pump_until(picture_forms.bridge, lambda: not picture_forms.bridge.job.busy)
    assert materials_of("Cube") == picture_forms.wore
    bpy.ops.ed.undo()
    assert materials_of("Cube") == picture_forms.wore


def test_an_object_whose_job_failed_is_still_there(object_forms):
    object_forms.server.job.fail("worker-died", "It died.", "")
    pump_until(object_forms.bridge, lambda: not object_forms.bridge.job.busy)
    bpy.ops.ed.undo()
    assert len(shown()) == 1
