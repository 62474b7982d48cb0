"""While Blender renders, its jobs wait, and go on afterwards."""

from __future__ import annotations

import threading

import bpy
import pytest
from conftest import inside, pump_until
from fake_server import in_turn, run_until_told
from test_panels import draw


@pytest.fixture
def two(server, bridge, start):
    """One job runs, the other one waits."""
    server.script = in_turn
    views = [start("cube 1"), start("cube 2")]
    pump_until(bridge, lambda: all(view.job_id for view in views))
    server.jobs[views[0].job_id].turn.set()
    pump_until(bridge, lambda: views[0].live_meshes == 1)
    return views


def states(views) -> list[str]:
    return [view.state for view in views]


def call(handlers, name: str) -> None:
    """As Blender does when a person presses F12: on the thread that renders."""
    (own,) = (handler for handler in handlers if handler.__module__ == inside("ui.rendering").__name__)
    thread = threading.Thread(target=own, args=(None, None), name=name)
    thread.start()
    thread.join()


def test_a_render_pauses_what_runs_and_what_waits_and_lets_both_go_on_in_their_order(server, bridge, two):
    call(bpy.app.handlers.render_init, "render")
    pump_until(bridge, lambda: states(two) == ["paused", "paused"])
    assert "for the render" in draw("MSD_PT_view3d_jobs")
    call(bpy.app.handlers.render_complete, "render")
    pump_until(bridge, lambda: "paused" not in states(two))
    assert [order for _, order in server.orders] == ["pause", "pause", "resume", "resume"]


def test_a_render_that_is_cancelled_lets_the_jobs_go_on_too(server, bridge, two):
    call(bpy.app.handlers.render_init, "render")
    pump_until(bridge, lambda: states(two) == ["paused", "paused"])
    call(bpy.app.handlers.render_cancel, "render")
    pump_until(bridge, lambda: "paused" not in states(two))


def test_what_a_person_paused_stays_paused_behind_a_render(server, bridge, two):
    bpy.ops.msd.pause(job_id=two[1].job_id)
    pump_until(bridge, lambda: two[1].state == "paused")
    call(bpy.app.handlers.render_init, "render")
    pump_until(bridge, lambda: two[0].state == "paused")
    call(bpy.app.handlers.render_complete, "render")
    pump_until(bridge, lambda: two[0].state == "running")
    assert two[1].state == "paused"


def test_what_is_begun_while_blender_renders_waits_too(server, bridge, two, start):
    call(bpy.app.handlers.render_init, "render")
    pump_until(bridge, lambda: states(two) == ["paused", "paused"])
    late = start("cube 3")
    pump_until(bridge, lambda: late.state == "paused")
    call(bpy.app.handlers.render_complete, "render")
    pump_until(bridge, lambda: late.state != "paused")


def test_what_cannot_be_paused_any_more_is_left_alone_without_a_word(server, bridge, two):
    server.refused_orders.add("pause")
    call(bpy.app.handlers.render_init, "render")
    pump_until(bridge, lambda: [each.held for each in bridge.jobs] == ["refused", "refused"])
    call(bpy.app.handlers.render_complete, "render")
    pump_until(bridge, lambda: not bridge.renders)
    assert bridge.problem is None
    assert states(two) == ["running", "queued"]
    assert server.orders == []


def test_a_preference_lets_jobs_go_on_beside_a_render(server, bridge, two, preferences):
    assert preferences.pause_while_rendering, "on, unless somebody turns it off"
    preferences.pause_while_rendering = False
    call(bpy.app.handlers.render_init, "render")
    bridge.pump()
    assert not bridge.renders
    assert server.orders == []


def test_a_render_by_a_script_which_blocks_everything_pauses_the_jobs_all_the_same(server, bridge, start, tmp_path):
    server.script = run_until_told
    view = start()
    pump_until(bridge, lambda: view.live_meshes == 1)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.filepath = str(tmp_path / "picture.png")
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    bpy.ops.render.render(write_still=True)
    pump_until(bridge, lambda: len(server.orders) == 2)
    assert [order for _, order in server.orders] == ["pause", "resume"], "in this order, however short the render"
    assert not bridge.renders
