"""A file is opened, Blender quits, something is undone: the job and its result are not lost."""

from __future__ import annotations

import json

import addon_utils
import bpy
import numpy as np
import pytest
from conftest import EXTENSION, inside, pump_until
from fake_server import cube_arrays, npz, png, run_until_told
from test_panels import draw


@pytest.fixture
def other_file(tmp_path):
    """A saved file without objects."""
    path = str(tmp_path / "other.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)
    return path


@pytest.fixture
def running(server, bridge, start, other_file):
    """A job with one live mesh, and then another file was opened."""
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    bpy.ops.wm.open_mainfile(filepath=other_file)
    return bridge


def test_opening_a_file_leaves_the_job_running_and_the_new_file_alone(running, server):
    assert running.job.busy
    assert "Object: Shaping" in draw("MSD_PT_view3d_status")
    server.job.live_mesh()
    server.job.finish.set()
    pump_until(running, lambda: not running.job.busy)
    assert running.problem is None
    assert not server.job.cancelled.is_set()
    assert list(bpy.data.objects) == []


def test_what_came_of_a_closed_files_job_is_offered_and_placed_in_the_open_one(running, server):
    server.job.finish.set()
    pump_until(running, lambda: not running.job.busy)
    assert "{msd.place_here}" in draw("MSD_PT_view3d_status")
    assert "{msd.place_here}" in draw("MSD_PT_view3d_object")
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert bpy.ops.msd.place_here() == {"FINISHED"}
    assert tuple(bpy.context.object.location) == (1, 2, 3)
    assert "{msd.place_here}" not in draw("MSD_PT_view3d_status")


def test_a_closed_files_texture_goes_onto_the_active_object_of_the_open_one(server, bridge, other_file):
    def script(job):
        job.live_image(np.full((4, 4, 4), 255, np.uint8))
        job.finish.wait(10)
        job.live_image(np.full((4, 4, 4), 255, np.uint8))
        job.done(texture__png=png(64, 32))

    server.script = script
    bpy.ops.mesh.primitive_plane_add()
    recipe = inside("core.recipes").texture_recipe("red bricks", width=64, height=32)
    target = inside("scene.images").Target(bpy.context.object.session_uid, 1.0)
    bridge.make_texture(recipe, target, inside("ui.preferences").setup())
    pump_until(bridge, lambda: bridge.job.live_images == 1)
    bpy.ops.wm.open_mainfile(filepath=other_file)
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert len(bpy.data.images) == 0
    bpy.ops.mesh.primitive_plane_add()
    assert bpy.ops.msd.place_here() == {"FINISHED"}
    assert bpy.context.object.active_material.name == "red bricks 0"


def quit_and_start_again() -> object:
    """As quitting Blender and starting it again does for the add-on. Returns its new link."""
    preferences = bpy.context.preferences.addons[EXTENSION].preferences
    url, token = preferences.server_url, preferences.server_token
    addon_utils.disable(EXTENSION, default_set=True)
    addon_utils.enable(EXTENSION, default_set=True)
    again = bpy.context.preferences.addons[EXTENSION].preferences
    again.server_url, again.server_token = url, token
    return inside("bridge").current()


def test_quitting_leaves_the_job_to_the_server_and_the_next_start_offers_its_result(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    quit_and_start_again()
    again = quit_and_start_again()  # the offer stays until it is taken
    assert not server.job.cancelled.is_set()
    assert list(bpy.data.objects) == []
    assert "a red cube" in draw("MSD_PT_view3d_status")
    assert "{msd.place_here}" in draw("MSD_PT_view3d_status")
    server.job.finish.set()
    assert bpy.ops.msd.place_here() == {"FINISHED"}
    assert bpy.context.object.name == "a red cube"
    assert len(server.jobs) == 1
    assert again.problem is None
    assert quit_and_start_again().job is None


def test_a_preference_says_that_quitting_stops_the_job(server, bridge, start, preferences):
    preferences.on_quit = "STOP"
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    again = quit_and_start_again()
    assert server.job.cancelled.wait(5)
    assert again.job is None


def test_a_note_of_a_left_job_that_makes_no_sense_is_ignored(bridge):
    for text in ("", "{}", "[1]", '[{"id": 1}]', '[{"id": "x", "kind": "song", "prompt": "", "seed": 1}]'):
        bridge.user_dir.mkdir(parents=True, exist_ok=True)
        (bridge.user_dir / "left-jobs.json").write_text(text, encoding="utf-8")
        assert quit_and_start_again().job is None


@pytest.mark.parametrize("kind", ["mesh", "texture", "retexture"])
def test_undo_takes_the_result_back_and_neither_the_seed_nor_the_status(server, bridge, kind):
    make = {
        "mesh": bpy.ops.msd.generate_mesh,
        "texture": bpy.ops.msd.fill_texture,
        "retexture": bpy.ops.msd.texture_mesh,
    }
    make = make[kind]
    bpy.ops.mesh.primitive_plane_add()
    bpy.ops.ed.undo_push(message="before")
    settings = getattr(bpy.context.scene.msd, kind)
    make(prompt="red bricks")
    seed = settings.seed
    assert seed
    for undo in (bpy.ops.ed.undo, bpy.ops.ed.redo, bpy.ops.ed.undo):
        undo()
        assert getattr(bpy.context.scene.msd, kind).seed == seed
        assert bridge.job.state == "done"
    assert [obj.name for obj in bpy.data.objects] == ["Plane"]
    assert "Done in" in draw(f"MSD_PT_view3d_{'object' if kind == 'mesh' else kind}")


def test_what_undo_took_back_can_be_placed_again(server, bridge):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.msd.generate_mesh(prompt="a red cube")
    assert "{msd.place_here}" not in draw("MSD_PT_view3d_object")
    bpy.ops.ed.undo()
    assert "{msd.place_here}" in draw("MSD_PT_view3d_object")
    assert bpy.ops.msd.place_here() == {"FINISHED"}
    assert bpy.context.object.name == "a red cube"


@pytest.mark.parametrize("code", ["worker-died", "server-restarted", "server-stopped"])
def test_a_job_whose_worker_died_goes_on_at_a_button_with_the_seed_it_had(server, bridge, code):
    server.script = lambda job: job.fail(code, "It died.", "Submit the recipe again.")
    settings = bpy.context.scene.msd.mesh
    settings.prompt, settings.random_seed = "a red cube", True
    with pytest.raises(RuntimeError, match="died"):
        bpy.ops.msd.generate_mesh()
    drawn = draw("MSD_PT_view3d_status") + draw("MSD_PT_view3d_object")
    assert drawn.count("{msd.go_on}") == 1
    server.script = lambda job: job.done(mesh__npz=npz(**cube_arrays()))
    assert bpy.ops.msd.go_on() == {"FINISHED"}
    first, second = (job.recipe for job in server.jobs.values())
    assert first == second


def test_a_cancelled_job_goes_on_at_a_button_whatever_the_panel_says_by_then(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    bpy.ops.msd.cancel()
    assert "{msd.go_on}" in draw("MSD_PT_view3d_object")
    server.script = lambda job: job.done(mesh__npz=npz(**cube_arrays()))
    bpy.context.scene.msd.mesh.prompt = "something else"
    assert bpy.ops.msd.go_on() == {"FINISHED"}
    first, second = (job.recipe for job in server.jobs.values())
    assert first == second


def test_a_lost_server_leaves_the_job_alone_and_is_followed_again_at_a_button(server, bridge, start, monkeypatch):
    monkeypatch.setattr(inside("core.events"), "PATIENCE", 0.0)
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    bridge._queue.put((bridge.job.number, inside("core.job").Retrying(3)))
    pump_until(bridge, lambda: bridge.server.retries == 3)
    drawn = draw("MSD_PT_view3d_status").replace("\n", " ")
    assert "Connection lost, retrying (3)" in drawn
    assert "{msd.reconnect}" in drawn
    bridge.reconnect(inside("ui.preferences").setup())
    assert bridge.job.live_meshes == 0
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    assert not server.job.cancelled.is_set()
    server.job.finish.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert (bridge.job.state, len(server.jobs)) == ("done", 1)


def test_the_note_of_a_left_job_says_nothing_else(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    note = bridge.user_dir / "left-jobs.json"
    addon_utils.disable(EXTENSION, default_set=True)
    assert json.loads(note.read_text(encoding="utf-8"))[0]["id"] == server.job.id
    note.unlink()
