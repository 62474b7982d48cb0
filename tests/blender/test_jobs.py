"""Several jobs at once: one is watched, the others wait or are worked on, and each can be told what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import addon_utils
import bpy
import numpy as np
import pytest
from conftest import EXTENSION, ROOT, inside, pump_until
from fake_server import FakeServer, cube_arrays, in_turn, npz, png, run_until_told
from test_interruptions import quit_and_start_again
from test_panels import draw


def setup():
    return inside("ui.preferences").setup()


def has_id(*views) -> bool:
    return all(view.job_id for view in views)


def recipe_of(server: FakeServer, view) -> dict:
    return server.jobs[view.job_id].recipe


def previews() -> list[str]:
    return [obj.name for obj in bpy.data.objects if "msd_preview" in obj]


def test_jobs_reach_the_server_in_the_order_in_which_they_were_begun(server, bridge, start):
    server.script = in_turn
    views = [start(f"cube {number}") for number in range(8)]
    pump_until(bridge, lambda: has_id(*views))
    assert [job.recipe["prompt"] for job in server.jobs.values()] == [view.prompt for view in views]
    assert bridge.job is views[0]


def test_only_the_watched_job_is_followed_and_seen(server, bridge, three):
    _first, second, _ = three
    server.jobs[second.job_id].turn.set()
    pump_until(bridge, lambda: second.state == "running" and second.fraction == 0.3)
    assert previews() == ["cube 1 preview"]
    assert sum(path.endswith("/events") for path in server.seen) == 1
    assert second.live_meshes == 0


def test_another_job_can_be_watched_and_the_first_goes_on(server, bridge, three):
    first, second, _ = three
    server.jobs[second.job_id].turn.set()
    pump_until(bridge, lambda: second.state == "running")
    assert bpy.ops.msd.watch(job_id=second.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: second.live_meshes == 1)
    assert previews() == ["cube 2 preview"]
    assert first.busy
    assert not server.jobs[first.job_id].cancelled.is_set()


def test_a_job_that_is_watched_stays_so_while_its_events_tell_that_it_waited_once(server, bridge, three):
    first, second, _ = three
    server.jobs[second.job_id].turn.set()
    pump_until(bridge, lambda: second.state == "running")
    bpy.ops.msd.watch(job_id=second.job_id)
    queued = inside("core.messages").StateChanged("queued")
    bridge._receive(bridge.find(second.job_id), queued)
    bridge._steer()
    assert bridge.job is second
    pump_until(bridge, lambda: second.live_meshes == 1)
    assert first.state == "running"


def test_a_job_that_is_not_watched_is_placed_and_leaves_selection_and_preview_alone(server, bridge, three):
    _first, second, _ = three
    bpy.ops.mesh.primitive_plane_add()
    plane = bpy.context.object
    server.jobs[second.job_id].turn.set()
    server.jobs[second.job_id].finish.set()
    pump_until(bridge, lambda: second.state == "done")
    assert second.result == "cube 2"
    assert bpy.data.objects["cube 2"]["msd_job"] == second.job_id
    assert previews() == ["cube 1 preview"]
    assert bpy.context.object == plane
    assert [obj.name for obj in bpy.context.selected_objects] == ["Plane"]
    assert (second.report["faces"], second.folder != "") == (12, True)


def test_when_the_watched_job_is_over_the_one_that_runs_is_watched(server, bridge, three):
    first, _second, third = three
    server.jobs[third.job_id].turn.set()
    pump_until(bridge, lambda: third.state == "running")
    server.jobs[first.job_id].finish.set()
    pump_until(bridge, lambda: first.state == "done" and third.live_meshes == 1)
    assert bridge.job is third
    assert previews() == ["cube 3 preview"]


def test_kinds_can_be_mixed(server, bridge, start):
    def script(job):
        if job.recipe["kind"] == "texture":
            job.send("state", state="running")
            job.live_image(np.full((4, 4, 4), 255, np.uint8))
            job.done(texture__png=png(64, 32))
        else:
            run_until_told(job)

    server.script = script
    cube = start()
    pump_until(bridge, lambda: cube.live_meshes == 1)
    recipe = inside("core.recipes").texture_recipe("red bricks", width=64, height=32)
    bricks = bridge.make_texture(recipe, inside("scene.images").Target(None, 1.0), setup())
    pump_until(bridge, lambda: bricks.state == "done")
    assert bpy.data.images[bricks.result]
    assert cube.busy
    assert previews() == ["a red cube preview"]
    server.job_of("a red cube").finish.set()
    pump_until(bridge, lambda: cube.state == "done")


def test_two_objects_that_are_asked_for_at_once_stand_beside_each_other(server, bridge, monkeypatch):
    monkeypatch.setattr(inside("ui.operators"), "outcome", lambda *_: {"FINISHED"})
    server.script = run_until_told
    for _ in range(2):
        bpy.ops.msd.generate_mesh(prompt="a red cube", size=1.0)
    pump_until(bridge, lambda: has_id(*(each.view for each in bridge.jobs)))
    for job in server.jobs.values():
        job.finish.set()
    pump_until(bridge, lambda: not any(each.view.busy for each in bridge.jobs))
    left, right = sorted(obj.location.x for obj in bpy.data.objects)
    assert right - left > 1.0


def test_it_is_said_how_many_jobs_of_others_come_first(server, bridge, start):
    server.script = in_turn
    theirs = [server.add({"kind": "mesh", "prompt": "theirs", "seed": n}) for n in range(2)]
    theirs[0].send("state", state="running")
    mine = [start("mine"), start("mine, too")]
    server_rows = lambda: draw("MSD_PT_view3d_jobs")  # noqa: E731  # as often as it is asked for
    pump_until(bridge, lambda: all(view.others_before == 2 for view in mine))
    assert server_rows().count("Waiting, 2 of others before it") == 2
    assert "theirs" not in server_rows()
    theirs[0].send("state", state="done")
    pump_until(bridge, lambda: all(view.others_before == 1 for view in mine))


def test_this_blenders_own_jobs_are_no_others(server, bridge, three):
    _, second, third = three
    pump_until(bridge, lambda: third.place == 1)
    assert (second.others_before, third.others_before) == (0, 0)


def test_two_blenders_see_their_own_jobs_and_share_the_queue(server, bridge, start, tmp_path):
    other = inside("link").Link(tmp_path, tmp_path / "other", lambda: None)
    server.script = in_turn
    mine = start("mine")
    pump_until(bridge, lambda: has_id(mine))
    place = inside("scene.placement").Place((0.0, 0.0, 0.0), 1.0, bpy.context.scene.name)
    theirs = other.make_mesh(inside("core.recipes").mesh_recipe("theirs", seed=1), place, setup())
    pump_until(other, lambda: has_id(theirs) and theirs.others_before == 1)
    assert [view.prompt for view in bridge.views()] == ["mine"]
    assert [view.prompt for view in other.views()] == ["theirs"]
    bpy.ops.msd.cancel()
    pump_until(other, lambda: theirs.others_before == 0)
    other.cancel()
    other.shut_down(False)


def test_a_job_that_waits_can_be_put_first(server, bridge, three):
    _, second, third = three
    pump_until(bridge, lambda: third.place == 1)
    assert [view.prompt for view in bridge.views()] == ["cube 1", "cube 2", "cube 3"]
    assert bpy.ops.msd.first(job_id=third.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: (third.place, second.place) == (0, 1))
    assert [view.prompt for view in bridge.views()] == ["cube 1", "cube 3", "cube 2"]


def test_each_job_can_be_paused_resumed_and_finished_by_its_id(server, bridge, three):
    first, second, _ = three
    for job_id in (first.job_id, second.job_id):
        bpy.ops.msd.pause(job_id=job_id)
    pump_until(bridge, lambda: first.state == second.state == "paused")
    assert "Paused at 30%" in draw("MSD_PT_view3d_jobs")
    assert "Object: Paused" in draw("MSD_PT_view3d_status")
    bpy.ops.msd.resume(job_id=first.job_id)
    pump_until(bridge, lambda: first.state == "running")
    assert second.state == "paused"
    bpy.ops.msd.finish(job_id=first.job_id)
    pump_until(bridge, lambda: first.state == "done")


def test_a_job_that_waits_is_cancelled_on_the_server_and_the_others_stay(server, bridge, three):
    first, second, third = three
    assert bpy.ops.msd.cancel(job_id=second.job_id) == {"FINISHED"}
    assert second.state == "cancelled"
    assert server.jobs[second.job_id].cancelled.wait(5)
    assert first.busy
    assert third.busy


def test_a_job_whose_cancelling_the_server_did_not_hear_is_cancelled_once_it_answers(server, bridge, start):
    server.script = in_turn
    first, second, third = start(), start(), start()
    pump_until(bridge, lambda: first.job_id and second.job_id and third.job_id)
    jobs = [server.jobs[view.job_id] for view in (first, second)]
    server.deaf_to.add("cancel")
    for view in (first, second):  # of which the first is watched
        bridge.cancel(view.handle)
        bridge.remove(view.handle)
    pump_until(bridge, lambda: len(bridge._unheard) == 2)
    assert not any(job.cancelled.is_set() for job in jobs)
    server.deaf_to.clear()
    start()
    pump_until(bridge, lambda: all(job.cancelled.is_set() for job in jobs))
    assert third.busy


def test_a_job_that_is_cancelled_before_the_server_has_it_is_never_made(server, bridge, start):
    server.script = in_turn
    first, second = start("one"), start("two")
    handle = second.handle
    assert handle == "new-2"
    bpy.ops.msd.cancel(job_id=handle)
    third = start("three")
    pump_until(bridge, lambda: has_id(first, third))
    assert [job.recipe["prompt"] for job in server.jobs.values()] == ["one", "three"]


def test_cancelling_is_asked_about_once_more_than_a_minute_of_work_is_in_a_job(server, bridge, three, monkeypatch):
    first, second, _ = three
    operators = inside("ui.job_operators")
    asked = []
    confirm = SimpleNamespace(invoke_confirm=lambda *_, **said: asked.append(said["message"]) or {"RUNNING_MODAL"})

    def press(view):
        own = SimpleNamespace(job_id=view.job_id, execute=lambda context: bpy.ops.msd.cancel(job_id=view.job_id))
        return operators.MSD_OT_cancel.invoke(own, SimpleNamespace(window_manager=confirm), None)

    server.jobs[first.job_id].progress(0.5, elapsed=131.0)
    pump_until(bridge, lambda: first.fraction == 0.5)
    assert press(first) == {"RUNNING_MODAL"}
    assert "2:11 of work" in asked[0]
    assert first.busy
    assert press(second) == {"FINISHED"}
    assert len(asked) == 1


def test_work_before_a_pause_counts_too(addon):
    view = inside("core.job_view").JobView("mesh", "a duck", 1)
    for elapsed in (10.0, 50.0, 5.0, 8.0):
        view.work(elapsed)
    assert view.worked == 58.0


def test_a_job_that_failed_says_why_in_its_row_and_is_tried_again_at_its_button(server, bridge, start):
    server.script = lambda job: job.fail("nothing-formed", "The field stayed empty.", "Try another seed.")
    view = start()
    pump_until(bridge, lambda: view.state == "failed")
    drawn = draw("MSD_PT_view3d_jobs")
    assert "Nothing formed" in drawn
    assert "{msd.retry}" in drawn
    server.script = lambda job: job.done(mesh__npz=npz(**cube_arrays()))
    assert bpy.ops.msd.retry(job_id=view.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: view.state == "done")
    assert len(server.jobs) == 1
    assert bpy.data.objects[view.result]


def test_one_failure_leaves_the_others_alone(server, bridge, three):
    first, second, _ = three
    server.jobs[second.job_id].fail("nothing-formed", "The field stayed empty.", "Try another seed.")
    pump_until(bridge, lambda: second.state == "failed")
    assert second.problem.code == "nothing-formed"
    assert first.busy
    assert bridge.problem is None, "it is not the watched one's"


def test_jobs_that_are_over_leave_the_list_at_a_button_and_their_results_stay(server, bridge, three):
    first, second, _third = three
    bpy.ops.msd.cancel(job_id=second.job_id)
    with pytest.raises(RuntimeError, match="under way"):
        bpy.ops.msd.remove_job(job_id=first.job_id)
    bpy.ops.msd.remove_job(job_id=second.job_id)
    assert [view.prompt for view in bridge.views()] == ["cube 1", "cube 3"]
    server.jobs[first.job_id].finish.set()
    pump_until(bridge, lambda: first.state == "done")
    bpy.ops.msd.clear_jobs()
    assert [view.prompt for view in bridge.views()] == ["cube 3"]
    assert bpy.data.objects["cube 1"]


def test_an_order_about_a_job_that_is_not_there_is_refused_by_name(server, three):
    for order in ("cancel", "finish", "pause", "resume", "first", "watch", "go_on", "another_seed"):
        with pytest.raises(RuntimeError, match="no job abc"):
            getattr(bpy.ops.msd, order)(job_id="abc")


def test_a_second_job_can_be_begun_while_one_runs(server, bridge, three):
    for view in three:
        view.began = view.changed = 0.0
    bpy.context.scene.msd.mesh.prompt = "a duck"
    assert "{msd.generate_mesh}" in draw("MSD_PT_view3d_object")
    assert "[30%] Shaping 30 of 100" in draw("MSD_PT_view3d_object")
    assert "2 more" in draw("MSD_PT_view3d_status").replace("\n", " ")


def test_a_double_click_begins_one_job(server, bridge, start):
    server.script = run_until_told
    bpy.context.scene.msd.mesh.prompt = "a duck"
    view = start()
    # Off, it would take no click for as long as the pointer rests on it.
    assert "{msd.generate_mesh}" in draw("MSD_PT_view3d_object")
    operator = SimpleNamespace(execute=lambda context: {"FINISHED"})
    begins = inside("ui.operators").MSD_OT_generate_mesh
    assert begins.invoke(operator, bpy.context, None) == {"CANCELLED"}
    view.began -= 1.0
    assert begins.invoke(operator, bpy.context, None) == {"FINISHED"}


def test_opening_a_file_leaves_every_job_running_and_each_result_is_offered(server, bridge, three, tmp_path):
    path = str(tmp_path / "other.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, copy=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    for view in three:
        server.jobs[view.job_id].turn.set()
        server.jobs[view.job_id].finish.set()
    pump_until(bridge, lambda: all(view.waits_for_a_place for view in three))
    assert not [obj for obj in bpy.data.objects if "msd_job" in obj]
    assert draw("MSD_PT_view3d_jobs").count("{msd.place_here}") == 3
    for view in three:
        assert bpy.ops.msd.place_here(job_id=view.job_id) == {"FINISHED"}
    assert {obj["msd_prompt"] for obj in bpy.data.objects if "msd_job" in obj} == {"cube 1", "cube 2", "cube 3"}


def test_quitting_leaves_every_job_to_the_server_and_the_next_start_lists_them(server, bridge, three):
    ids = [view.job_id for view in three]
    again = quit_and_start_again()
    assert not any(job.cancelled.is_set() for job in server.jobs.values())
    assert [view.job_id for view in again.views()] == ids[::-1]
    server.jobs[ids[1]].turn.set()
    server.jobs[ids[1]].finish.set()
    bpy.ops.msd.start_server()
    states = lambda: [again.find(job_id).view.state for job_id in ids]  # noqa: E731  # as they are by then
    pump_until(again, lambda: states() == ["running", "done", "queued"])
    assert again.job.job_id == ids[0]
    assert again.find(ids[1]).view.waits_for_a_place
    assert list(bpy.data.objects) == []
    assert bpy.ops.msd.place_here(job_id=ids[1]) == {"FINISHED"}
    assert bpy.data.objects["cube 2"]
    again.cancel(ids[0])


def test_a_preference_says_that_quitting_stops_every_job(server, bridge, three, preferences):
    preferences.on_quit = "STOP"
    again = quit_and_start_again()
    assert all(job.cancelled.wait(5) for job in server.jobs.values())
    assert again.views() == []


def test_what_two_blenders_leave_is_kept_together(addon, tmp_path):
    left, view = inside("core.left_jobs"), inside("core.job_view").JobView
    for name in ("a", "b"):
        left.leave_jobs(tmp_path, [view("mesh", name, 1, job_id=name)])
    assert [each.job_id for each in left.take_left_jobs(tmp_path)] == ["a", "b"]
    assert left.take_left_jobs(tmp_path) == []


def test_what_a_killed_blender_was_working_on_is_found_by_the_next_and_by_no_other_while_it_lives(addon, tmp_path):
    left, view = inside("core.left_jobs"), inside("core.job_view").JobView
    script = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from blender_msd.core.left_jobs import UnderWay
from blender_msd.core.job_view import JobView
note = UnderWay(Path({str(tmp_path)!r}))
note.note([JobView("mesh", "a duck", 1, job_id="a")])
note.note([JobView("mesh", "a duck", 1, job_id="a"), JobView("texture", "red bricks", 2, job_id="b", look="asked")])
print("noted", flush=True)
time.sleep(60)
"""
    killed = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert killed.stdout.readline().strip() == b"noted"
    assert left.take_left_jobs(tmp_path) == []
    killed.kill()
    killed.wait()
    found = left.take_left_jobs(tmp_path)
    assert [(job.kind, job.prompt, job.seed, job.job_id, job.look) for job in found] == [
        ("mesh", "a duck", 1, "a", ""),
        ("texture", "red bricks", 2, "b", "asked"),
    ]
    assert left.take_left_jobs(tmp_path) == []
    # A note that was torn is nothing.
    (tmp_path / "under-way" / "x.json").write_text('[{"id": "c", "ki', encoding="utf-8")
    left.leave_jobs(tmp_path, [view("mesh", "d", 1, job_id="d")])
    assert [each.job_id for each in left.take_left_jobs(tmp_path)] == ["d"]


def test_jobs_are_noted_from_when_the_server_has_them_until_they_are_over(server, bridge, three):
    def noted():
        notes = [json.loads(path.read_text(encoding="utf-8")) for path in (bridge.user_dir / "under-way").glob("*")]
        return [[each["id"] for each in note] for note in notes]

    assert noted() == [[view.job_id for view in three]]
    bridge.cancel(three[1].handle)
    bridge.cancel(three[0].handle)
    pump_until(bridge, lambda: noted() == [[three[2].job_id]])
    addon_utils.disable(EXTENSION, default_set=True)
    assert noted() == []


def test_a_server_that_is_gone_takes_no_job_with_it(server, bridge, three, monkeypatch):
    first, second, third = three
    lost = inside("core.errors").Problem("server-lost", "No answer.", "")
    bridge._queue.put((first.number, inside("core.messages").Failed(lost)))
    pump_until(bridge, lambda: not first.busy)
    assert [view.state for view in three] == ["failed", "lost", "lost"]
    assert "Out of reach" in draw("MSD_PT_view3d_jobs")
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: second.state == third.state == "queued")
    assert bridge.job in (second, third)


def test_a_server_that_does_not_start_is_tried_once_for_all_jobs(bridge, preferences, start):
    gone = FakeServer()
    gone.close()
    preferences.server_url = gone.url
    views = [start(), start(), start()]
    pump_until(bridge, lambda: not any(view.busy for view in views))
    assert {view.problem.code for view in views} == {"server-lost"}
    assert bridge.problem.code == "server-lost"


def test_a_long_list_is_shown_in_pages(server, bridge, start):
    server.script = in_turn
    views = [start(f"cube {number}") for number in range(8)]
    pump_until(bridge, lambda: has_id(*views) and views[-1].place == 7)
    first = draw("MSD_PT_view3d_jobs")
    assert "cube 5" in first
    assert "cube 6" not in first
    assert "1 of 2" in first
    bpy.ops.msd.turn_page(which="job_page", to=1)
    second = draw("MSD_PT_view3d_jobs")
    assert "cube 5" not in second
    assert "cube 7" in second


def test_two_hundred_jobs_need_two_threads_and_one_question_a_second(server, bridge, start):
    import threading

    server.script = lambda job: None
    views = [start(f"cube {number}") for number in range(200)]
    pump_until(bridge, lambda: has_id(*views), seconds=60)
    pump_until(bridge, lambda: views[-1].place == 199)
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("msd-")]
    assert len(ours) <= 3
    assert sum(path.endswith("/events") for path in server.seen) == 1


def test_a_job_knows_its_standing_by_the_servers_order(addon):
    def said(name, state="queued", priority=0):
        return {"id": name, "state": state, "priority": priority}

    # Newest first, as the server lists them.
    listed = [said("e"), said("d", priority=2), said("c"), said("b", "running"), said("a", "paused")]
    before = inside("core.roster").those_before(listed, {"c", "e"})
    assert before == {"c": (2, 1), "e": (2, 2)}


def test_the_note_of_left_jobs_holds_all_of_them(server, bridge, three):
    note = bridge.user_dir / "left-jobs.json"
    addon_utils.disable(EXTENSION, default_set=True)
    assert [each["id"] for each in json.loads(note.read_text(encoding="utf-8"))] == [view.job_id for view in three]
    note.unlink()
