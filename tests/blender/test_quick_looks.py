"""Quick looks: several seeds are seen at low cost, those that are ticked are made, the others are forgotten."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest
from conftest import inside, pump_until
from fake_server import be_looked_at, in_turn, png
from offers import capabilities
from test_interruptions import quit_and_start_again
from test_panels import draw


@pytest.fixture(autouse=True)
def icons(addon, monkeypatch):
    """Without a window Blender gives a picture that it has no number; and operators do not wait, as in a window."""
    thumbnails, operators = inside("scene.thumbnails"), inside("ui.look_operators")
    monkeypatch.setattr(thumbnails, "icon", lambda name: int(name in thumbnails._pictures))
    monkeypatch.setattr(operators, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    monkeypatch.setattr(operators, "outcome", lambda *_: {"FINISHED"})


def at_rest(link) -> bool:
    return not link.open_questions and not link._crew.busy and link._queue.empty()


@pytest.fixture
def four(server, bridge):
    """Four looks at a duck that are asked for, and that wait for their turns."""
    server.script = be_looked_at
    bpy.ops.msd.look_at_meshes(prompt="a yellow duck", seed=7, count=4)
    pump_until(bridge, lambda: len(bridge.looks()) == 4)
    return bridge.looks()


@pytest.fixture
def there(server, bridge, four):
    """The same, once all are there with their pictures."""
    for job in server.jobs.values():
        job.turn.set()
    loaded = inside("scene.thumbnails")._pictures
    pump_until(bridge, lambda: all(view.waits_to_be_chosen for view in four) and len(loaded) == 4)
    return four


def test_looks_are_one_request_at_the_seed_that_is_set_and_those_behind_it(server, four):
    assert server.seen.count("POST /v1/batches") == 1
    assert "POST /v1/jobs" not in server.seen
    assert [(job.task, job.recipe["seed"]) for job in server.jobs.values()] == [("look", 7 + n) for n in range(4)]
    assert [view.seed for view in four] == [7, 8, 9, 10]


def test_seeds_go_on_from_zero_behind_the_last_one(server, bridge):
    last = int(inside("core.limits").SEED.most)
    bpy.ops.msd.look_at_meshes(prompt="a duck", seed=last, count=2)
    pump_until(bridge, lambda: len(bridge.looks()) == 2)
    assert [view.seed for view in bridge.looks()] == [last, 0]


def test_the_prompt_is_remembered_and_the_seed_is_shown(four):
    assert inside("ui.recent").recents().of("mesh")[0] == "a yellow duck"
    assert bpy.context.scene.msd.mesh.seed == 7


@pytest.mark.parametrize("count", [0, 17])
def test_a_number_of_looks_that_has_no_room_is_refused_in_words(server, bridge, count):
    with pytest.raises(RuntimeError, match="Looks"):
        bpy.ops.msd.look_at_meshes(prompt="a duck", count=count)
    assert server.jobs == {}


def test_pictures_come_into_the_panel_of_their_kind_as_each_is_there(server, bridge, four):
    first, *_ = server.jobs.values()
    first.turn.set()
    pump_until(bridge, lambda: "[picture]" in draw("MSD_PT_view3d_object"))
    drawn = draw("MSD_PT_view3d_object")
    assert drawn.count("[picture]") == 1
    assert drawn.count("Waiting") == 3
    assert drawn.count("{msd.tick_look}") == 1
    assert "[picture]" not in draw("MSD_PT_view3d_texture")
    assert "[picture]" not in draw("MSD_PT_view3d_results"), "they are no results yet"


def test_looks_put_nothing_into_the_scene_and_are_not_in_the_way_of_the_big_button(server, bridge, there):
    assert list(bpy.data.objects) == []
    bpy.context.scene.msd.mesh.prompt = "a red cube"
    for view in there:
        view.began -= 1.0  # a second click that comes at once is another matter
    drawn = draw("MSD_PT_view3d_object")
    assert "{msd.generate_mesh}" in drawn
    assert "{msd.pause}" not in drawn
    assert "Paused" not in drawn


def test_a_job_that_is_begun_beside_looks_is_watched(server, bridge, there, start):
    server.script = in_turn
    cube = start()
    pump_until(bridge, lambda: cube.job_id != "")
    server.jobs[cube.job_id].turn.set()
    pump_until(bridge, lambda: cube.live_meshes == 1)
    assert bridge.job is cube


def test_what_is_ticked_is_made_from_its_look_and_placed_beside_each_other(server, bridge, there):
    for view in there[:2]:
        assert bpy.ops.msd.tick_look(job_id=view.job_id) == {"FINISHED"}
    assert draw("MSD_PT_view3d_object").count("chosen:") == 2
    assert bpy.ops.msd.finish_looks() == {"FINISHED"}
    pump_until(bridge, lambda: all(("resume" in [o for i, o in server.orders if i == v.job_id]) for v in there[:2]))
    for view in there[:2]:
        server.jobs[view.job_id].finish.set()
    pump_until(bridge, lambda: all(view.state == "done" for view in there[:2]))
    objects = [bpy.data.objects[view.result] for view in there[:2]]
    assert [obj["msd_job"] for obj in objects] == [view.job_id for view in there[:2]]
    assert abs(objects[0].location.x - objects[1].location.x) >= 1.0
    assert bridge.looks() == there[2:]
    assert "POST /v1/jobs" not in server.seen, "nothing began anew"


def test_a_ticked_look_can_be_unticked(there):
    for expected in (True, False):
        bpy.ops.msd.tick_look(job_id=there[0].job_id)
        assert there[0].ticked is expected
    with pytest.raises(RuntimeError, match="No look is ticked"):
        bpy.ops.msd.finish_looks()


def test_a_script_names_the_looks_that_are_made_and_those_that_are_forgotten(server, bridge, there):
    ids = [view.job_id for view in there]
    assert bpy.ops.msd.finish_looks(job_ids=ids[2]) == {"FINISHED"}
    assert bpy.ops.msd.forget_looks(job_ids=f"{ids[0]} {ids[1]}") == {"FINISHED"}
    pump_until(bridge, lambda: at_rest(bridge) or len(server.orders) == 3)
    assert sorted(server.orders) == sorted([(ids[2], "resume"), (ids[0], "cancel"), (ids[1], "cancel")])
    assert [view.job_id for view in bridge.looks()] == [ids[3]]


def test_the_others_are_forgotten_on_the_server_in_the_lists_and_on_disk(server, bridge, there):
    bpy.ops.msd.tick_look(job_id=there[3].job_id)
    files = [bridge.user_dir / "thumbnails" / f"look-{view.job_id}.png" for view in there]
    assert all(file.exists() for file in files)
    assert bpy.ops.msd.forget_looks() == {"FINISHED"}
    pump_until(bridge, lambda: sum(job.cancelled.is_set() for job in server.jobs.values()) == 3)
    pump_until(bridge, lambda: [file for file in files if file.exists()] == files[3:])
    assert bridge.looks() == [there[3]]
    assert [each.view for each in bridge.jobs] == [there[3]]


def test_one_that_is_forgotten_before_it_is_there_is_cancelled_too(server, bridge, four):
    bpy.ops.msd.forget_looks()
    pump_until(bridge, lambda: all(job.cancelled.is_set() for job in server.jobs.values()))
    assert bridge.looks() == []
    assert "{msd.forget_looks}" not in draw("MSD_PT_view3d_object")


def test_a_look_that_is_not_there_yet_cannot_be_ticked_or_made(four):
    with pytest.raises(RuntimeError, match="not there yet"):
        bpy.ops.msd.tick_look(job_id=four[0].job_id)
    with pytest.raises(RuntimeError, match="not there yet"):
        bpy.ops.msd.finish_looks(job_ids=four[0].job_id)


def test_a_look_that_a_person_pauses_on_its_way_is_not_taken_for_one_that_is_there(server, bridge, four):
    server.script = in_turn
    server.jobs[four[0].job_id].send("state", state="paused")
    pump_until(bridge, lambda: four[0].state == "paused")
    assert not four[0].waits_to_be_chosen


def test_a_look_that_was_cancelled_on_its_way_is_looked_at_when_it_is_tried_again(server, bridge, four):
    first = four[0]
    bpy.ops.msd.cancel(job_id=first.job_id)
    pump_until(bridge, lambda: server.jobs[first.job_id].state == "cancelled")
    assert first not in bridge.looks()
    assert "{msd.retry}" in draw("MSD_PT_view3d_jobs")
    assert bpy.ops.msd.retry(job_id=first.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: first in bridge.looks())
    server.jobs[first.job_id].turn.set()
    pump_until(bridge, lambda: first.waits_to_be_chosen)
    assert list(bpy.data.objects) == []
    assert make(server, bridge, first)["msd_job"] == first.job_id


def test_a_look_that_was_there_is_there_again_when_it_is_tried_again_and_nothing_more_is_made(server, bridge, there):
    first = there[0]
    bpy.ops.msd.cancel(job_id=first.job_id)
    pump_until(bridge, lambda: server.jobs[first.job_id].state == "cancelled")
    assert bpy.ops.msd.retry(job_id=first.job_id) == {"FINISHED"}
    pump_until(bridge, lambda: (first.job_id, "pause") in server.orders)
    pump_until(bridge, lambda: (first.state, first.waits_to_be_chosen) == ("paused", True))
    assert [order for job_id, order in server.orders if job_id == first.job_id] == ["cancel", "retry", "pause"]
    assert bridge.looks() == there
    assert draw("MSD_PT_view3d_object").count("[picture]") == 4
    assert make(server, bridge, first)["msd_job"] == first.job_id


def make(server, bridge, look):
    """Choose a look, and let the server make the rest of it; the object."""
    bpy.ops.msd.tick_look(job_id=look.job_id)
    bpy.ops.msd.finish_looks()
    pump_until(bridge, lambda: (look.job_id, "resume") in server.orders)
    server.jobs[look.job_id].finish.set()
    pump_until(bridge, lambda: look.state == "done")
    return bpy.data.objects[look.result]


def test_resume_in_the_list_of_jobs_makes_a_look_and_places_it(server, bridge, there):
    bpy.ops.msd.resume(job_id=there[1].job_id)
    pump_until(bridge, lambda: (there[1].job_id, "resume") in server.orders)
    server.jobs[there[1].job_id].finish.set()
    pump_until(bridge, lambda: there[1].state == "done")
    assert bpy.data.objects[there[1].result]["msd_job"] == there[1].job_id


def test_what_is_no_longer_than_a_look_is_done_at_once_and_placed_when_it_is_chosen(server, bridge):
    bpy.ops.msd.look_at_meshes(prompt="a red cube", count=2)
    pump_until(bridge, lambda: len(bridge.looks()) == 2 and all(v.waits_to_be_chosen for v in bridge.looks()))
    pump_until(bridge, lambda: at_rest(bridge))
    assert list(bpy.data.objects) == []
    first, _ = bridge.looks()
    bpy.ops.msd.finish_looks(job_ids=first.job_id)
    pump_until(bridge, lambda: first.state == "done" and first.result != "")
    assert [obj["msd_job"] for obj in bpy.data.objects] == [first.job_id]


def test_the_size_that_an_operator_was_given_holds_for_what_is_chosen_later(server, bridge):
    server.script = be_looked_at
    bpy.ops.msd.look_at_meshes(prompt="a red cube", count=1, size=3.0)
    pump_until(bridge, lambda: len(bridge.looks()) == 1)
    (view,) = bridge.looks()
    server.job.turn.set()
    pump_until(bridge, lambda: view.waits_to_be_chosen)
    bpy.ops.msd.finish_looks(job_ids=view.job_id)
    pump_until(bridge, lambda: (view.job_id, "resume") in server.orders)
    server.job.finish.set()
    pump_until(bridge, lambda: view.state == "done")
    assert max(bpy.data.objects[view.result].dimensions) == pytest.approx(3.0, rel=1e-3)


def test_a_chosen_texture_goes_on_what_was_selected_when_it_was_asked_for(server, bridge):
    def script(job):
        job.turn.set()
        job.png = png(64, 32)
        job.send("state", state="running")
        job.task = "looked"
        job.files["thumbnail.png"] = png(16, 16)
        job.send("look", artifact="thumbnail.png")
        job.send("state", state="paused")
        job.resumed.wait()
        job.done(texture__png=png(64, 32))

    server.script = script
    bpy.ops.mesh.primitive_plane_add()
    plane = bpy.context.object
    bpy.ops.msd.look_at_textures(prompt="red bricks", count=2, maps=set())
    pump_until(bridge, lambda: len(bridge.looks("texture")) == 2)
    first, _ = bridge.looks("texture")
    pump_until(bridge, lambda: first.waits_to_be_chosen)
    assert "{msd.tick_look}" in draw("MSD_PT_image_texture")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.msd.finish_looks(job_ids=first.job_id)
    pump_until(bridge, lambda: first.state == "done")
    assert plane.active_material is not None
    assert bpy.context.object.active_material is None


def test_looks_survive_quitting_and_are_fetched_by_the_next_blender(server, bridge, there):
    link = quit_and_start_again()
    assert not any(job.cancelled.is_set() for job in server.jobs.values())
    assert [view.job_id for view in link.looks()] == [view.job_id for view in there]
    assert draw("MSD_PT_view3d_object").count("In the server") == 4
    bpy.ops.msd.reconnect(job_id=link.looks()[0].job_id)
    pump_until(link, lambda: all(view.waits_to_be_chosen for view in link.looks()))
    pump_until(link, lambda: draw("MSD_PT_view3d_object").count("[picture]") == 4)
    view = link.looks()[1]
    bpy.ops.msd.finish_looks(job_ids=view.job_id)
    pump_until(link, lambda: (view.job_id, "resume") in server.orders)
    server.jobs[view.job_id].finish.set()
    pump_until(link, lambda: view.state == "done")
    assert bpy.data.objects[view.result]["msd_job"] == view.job_id


def test_looks_that_the_server_refuses_say_why_where_they_were_asked_for(server, bridge):
    error = {"code": "queue-full", "detail": "100 jobs wait already.", "next": "Wait until some are done."}
    server.refusal = (429, error)
    bpy.ops.msd.look_at_meshes(prompt="a duck", count=4)
    assert "Asking for 4 looks" in draw("MSD_PT_view3d_object")
    pump_until(bridge, lambda: bridge.problem is not None)
    assert (bridge.problem.code, bridge.problem_of) == ("queue-full", "mesh")
    assert "Asking" not in draw("MSD_PT_view3d_object")


def test_the_button_says_what_the_looks_cost_before_the_click(server, bridge, monkeypatch):
    said = capabilities()
    costs = {
        name: {"denoiser_calls": calls, "look_calls": 200} for name, calls in (("standard", 1200), ("sketch", 600))
    }
    said["priors"][0] |= {"costs": {"mesh": costs}, "seconds_per_call": {"mesh": 0.05}}
    bridge.offer = inside("core.offer").read_offer(said)
    labels = []
    layout = SimpleNamespace(
        row=lambda **_: layout,
        operator=lambda name, text, **_: labels.append(text) or SimpleNamespace(),
        prop=lambda *_, **__: None,
    )
    inside("ui.looks").draw_ask(layout, bpy.context.scene.msd.mesh, "mesh", True)
    bpy.context.window_manager.msd.looks = 8
    inside("ui.looks").draw_ask(layout, bpy.context.scene.msd.mesh, "mesh", True)
    assert "40 s" in labels[0]
    assert "80 s" in labels[1]
    bridge.offer = inside("core.offer").Offer()
    inside("ui.looks").draw_ask(layout, bpy.context.scene.msd.mesh, "mesh", True)
    assert labels[2] == "Quick Looks"


def test_in_background_mode_the_operators_wait(server, bridge, monkeypatch):
    monkeypatch.undo()

    def script(job):
        job.turn.set()
        job.finish.set()
        be_looked_at(job)

    server.script = script
    assert bpy.ops.msd.look_at_meshes(prompt="a red cube", count=2) == {"FINISHED"}
    first, second = bridge.looks()
    assert first.waits_to_be_chosen
    assert second.waits_to_be_chosen
    assert bpy.ops.msd.finish_looks(job_ids=first.job_id) == {"FINISHED"}
    assert bpy.data.objects[first.result]["msd_job"] == first.job_id


def test_the_tooltip_says_what_the_looks_cost_where_no_time_was_measured(server, bridge):
    said = capabilities()
    said["priors"][0]["costs"] = {"mesh": {"standard": {"denoiser_calls": 1200, "look_calls": 420}}}
    bridge.offer = inside("core.offer").read_offer(said)
    describe = inside("ui.look_operators").MSD_OT_look_at_meshes.description
    assert "Costs 1.4 of what" in describe(bpy.context, SimpleNamespace(count=4))
    bridge.offer = inside("core.offer").Offer()
    assert "Costs" not in describe(bpy.context, SimpleNamespace(count=4))


def test_the_strip_says_that_the_server_is_ready_once_looks_wait_for_a_choice(there):
    drawn = draw("MSD_PT_view3d_status")
    assert "Ready" in drawn
    assert "{msd.cancel}" not in drawn


def test_a_click_that_was_meant_for_a_look_reaches_none_that_has_moved_to_its_place(there):
    bpy.ops.msd.forget_looks(job_ids=there[0].job_id)
    assert not any(view.settled for view in there[1:])
