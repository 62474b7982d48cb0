"""One state of set-up, server and job for every panel: each has its text and one button, and is drawn first."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest
from conftest import inside, watch
from fake_server import FakeJob, run_until_told
from offers import capabilities
from test_panels import Paper, draw

from blender_msd.core.errors import Problem
from blender_msd.core.job_view import JobView
from blender_msd.core.offer import Offer, read_offer
from blender_msd.core.server_view import ServerView
from blender_msd.core.state import SetUp, state_of

STRIPS = ("MSD_PT_view3d_status", "MSD_PT_image_status", "MSD_PT_shader_status")
BUSY = JobView("texture", "red bricks", 1, state="running", phase="Painting", fraction=0.61, job_id="x")
CASES = {
    "not set up": ({"set_up": SetUp("none")}, "Not set up yet", "msd.set_up"),
    "set-up part-done": ({"set_up": SetUp("part-done", 0.62)}, "Set-up 62% done", "msd.set_up"),
    "update needed": (
        {"set_up": SetUp("outdated", installed="1.2", wanted="1.3")},
        "Update needed: 1.2 to 1.3",
        "msd.set_up",
    ),
    "off": ({}, "Off, starts when you generate", "msd.start_server"),
    "starting": (
        {"server": ServerView("starting", 88.0, "loading model")},
        "Starting, 0:12: loading model",
        "msd.stop_server",
    ),
    "ready": (
        {"server": ServerView("ready"), "offer": Offer(device="NVIDIA RTX 4070", free_gb=8.14)},
        "Ready, NVIDIA RTX 4070, 8.1 GB free",
        "msd.stop_server",
    ),
    "busy": ({"server": ServerView("ready"), "job": BUSY}, "Texture: Painting, 61%", "msd.cancel"),
    "connection lost": (
        {"server": ServerView("ready", retries=3), "job": BUSY},
        "Connection lost, retrying (3); the job goes on",
        "msd.reconnect",
    ),
    "incompatible": (
        {"problem": Problem("server-incompatible", "The server speaks version 2, this add-on version 1.")},
        "Add-on and server do not match",
        "msd.open_preferences",
    ),
    "failed": (
        {"problem": Problem("server-did-not-start", "The server did not start: it ended.")},
        "The server did not start",
        "msd.open_preferences",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_has_its_text_and_one_button(name):
    given, text, operator = CASES[name]
    values = {"set_up": SetUp(), "server": ServerView(), "offer": Offer(), "job": None, "problem": None, "now": 100.0}
    state = state_of(**(values | given))
    assert (state.name, state.text, state.button.operator) == (name, text, operator)
    assert (state.fraction is not None) == (given.get("job") is BUSY)


def test_free_memory_and_device_are_said_when_the_server_says_them():
    devices = [{"state": "busy", "device": "cuda:0", "name": "RTX", "free_gb": 3}]
    offer = read_offer(capabilities() | {"devices": devices})
    assert (offer.device, offer.free_gb) == ("RTX", 3.0)
    offer = read_offer(capabilities())
    assert (offer.device, offer.free_gb) == ("cpu", None)


def test_a_server_that_starts_for_a_job_says_so_with_a_clock():
    job = JobView("mesh", "a duck", 1)
    state = state_of(SetUp(), ServerView("starting", 37.0), Offer(), job, None, 100.0)
    assert (state.name, state.text, state.button.operator) == ("starting", "Starting, 1:03", "msd.cancel")


@pytest.mark.parametrize("name", STRIPS)
def test_the_strip_is_drawn_first_and_says_the_state_even_while_it_is_collapsed(addon, name):
    panels = inside("ui.panels").CLASSES
    strip = getattr(inside("ui.panels"), name)
    header = Paper()
    strip.draw_header(SimpleNamespace(layout=header), bpy.context)
    assert header.sheet == ["Not set up yet"]
    # Else Blender would show our tab before its own, and open the sidebar with it.
    assert "HIDE_HEADER" not in strip.bl_options
    others = [panel for panel in panels if panel.bl_space_type == strip.bl_space_type and panel is not strip]
    assert all(strip.bl_order < other.bl_order for other in others if not hasattr(other, "bl_parent_id"))


def test_the_strip_shows_the_running_jobs_bar_in_every_editor(server, bridge, start):
    server.script = run_until_told
    watch(bridge, JobView("texture", "red bricks", 1, state="running", phase="Painting", fraction=0.61))
    for name in STRIPS:
        assert "[61%]" in draw(name)
    watch(bridge, None)


def test_the_strip_has_two_lines_and_one_button_whatever_it_says(bridge):
    problems = [Problem("server-did-not-start", "long " * 100), Problem("odd", "x"), None]
    for problem in problems:
        for text in ("", "a server's very long last words " * 9):
            bridge.server = inside("core.server_view").ServerView("starting" if text else "off", last_line=text)
            bridge.problem = problem
            lines = draw("MSD_PT_view3d_status").splitlines()
            assert len(lines) == 3
            has_details = problem is not None and not text
            assert [line.startswith("{msd.") for line in lines] == [False, has_details, True]


def test_beside_a_job_of_another_panel_the_button_adds_to_the_queue(bridge):
    job = JobView("mesh", "a duck", 1, state="running", phase="Shaping", fraction=0.61)
    watch(bridge, job)
    bpy.ops.mesh.primitive_plane_add()
    bpy.context.scene.msd.texture.prompt = "red bricks"
    assert "{msd.fill_texture}" in draw("MSD_PT_view3d_texture")
    watch(bridge, None)


def test_a_start_by_hand_that_takes_time_is_redrawn_with_its_clock_and_last_line(bridge):
    bridge.server.start()
    bridge.local.last_line = "loading torch"
    assert bridge._tick()
    assert "loading torch" in draw("MSD_PT_view3d_status").replace("\n", " ")


def finishing(phase: str, seconds_left: float | None = None, step: int = 0, steps: int = 0) -> JobView:
    job = JobView("mesh", "a duck", 1, state="running")
    job.began -= 90.0
    job.progress("Shaping", 0.9, 300, 300, 10.0)
    job.progress(phase, 0.95, step, steps, seconds_left)
    return job


@pytest.mark.parametrize("phase", ["Surface", "Clean-up", "Reduce", "Colour", "Unwrap", "Bake", "Saving"])
def test_a_finishing_phase_shows_time_left_and_no_steps_and_no_finish_now(bridge, phase):
    job = finishing(phase, None, 300, 300)
    assert job.left() == pytest.approx(5.0, abs=0.5)
    assert not job.optimises
    watch(bridge, job)
    drawn = draw("MSD_PT_view3d_object")
    assert f"[95%] {phase}\n" in drawn
    assert "about 0:0" in drawn
    assert not bpy.ops.msd.finish.poll()
    watch(bridge, None)


@pytest.mark.parametrize("phase", ["Loading", "Waiting"])
def test_finish_now_is_not_offered_before_there_is_anything(bridge, phase):
    watch(bridge, JobView("mesh", "a duck", 1, state="running", phase=phase))
    assert not bpy.ops.msd.finish.poll()
    watch(bridge, None)


def test_time_left_goes_down_between_two_messages():
    job = JobView("mesh", "a duck", 1, state="running")
    job.progress("Shaping", 0.5, 5, 10, 60.0)
    job.told -= 20.0
    assert job.left() == pytest.approx(40.0, abs=0.5)
    job.told -= 100.0
    assert job.left() == 0.0


def rows(name: str, at_once: bool) -> list[str]:
    lines = draw(name, at_once=at_once).splitlines()
    return [line for line in lines if line.startswith("{") and "show_colours" not in line]


def finish_of(state: str) -> JobView:
    job = JobView("mesh", "a duck", 1, state="running", phase="Shaping", fraction=0.3)
    job.report, job.result, job.folder = {"faces": 12}, "a duck", "/"
    if state != "running":
        job.end(state)
    return job


@pytest.mark.parametrize("state", ["running", "done", "cancelled", "failed"])
def test_the_row_below_the_bar_has_two_buttons_that_take_no_click_in_their_first_half_second(bridge, state):
    watch(bridge, finish_of(state))
    if state == "failed":
        bridge.problem, bridge.problem_of = Problem("worker-died", "It died."), "mesh"
    off = rows("MSD_PT_view3d_object", at_once=True)[-2:]
    usable = rows("MSD_PT_view3d_object", at_once=False)[-2:]
    assert off == [button.replace("}", " off}") for button in usable]
    assert not usable[0].endswith("off}")
    watch(bridge, None)
    bridge.problem = None


def test_the_timer_lives_until_the_buttons_that_arrived_can_be_used(server, bridge):
    bpy.ops.msd.generate_mesh(prompt="a red cube")
    assert bridge.busy
    bridge.job.changed = 0.0
    assert bridge._tick()
    assert not bridge._tick()


def test_a_refused_prompt_turns_generate_off_in_the_servers_words_and_offers_the_list(server, bridge):
    grammar = {
        "words": {"duck": "duck", "red": "red", "bricks": "bricks"},
        "colours": ["red"],
        "objects": {"duck": "beak"},
        "surfaces": {"bricks": ["mortar"]},
        "views": ["front"],
    }
    said = capabilities()
    said["priors"][0]["language"]["grammar"] = grammar
    bridge.offer = read_offer(said)
    settings = bpy.context.scene.msd.mesh
    settings.prompt = "a shiny knight"
    drawn = draw("MSD_PT_view3d_object").replace("\n", " ")
    assert "{msd.generate_mesh off}" in drawn
    assert "Embedded does not know 'shiny' and 'knight', and nothing else is named that it could make." in drawn
    assert "{msd.known_words}" in drawn
    settings.prompt = "red bricks"
    assert "'bricks' is a surface" in draw("MSD_PT_view3d_object").replace("\n", " ")
    settings.prompt = "a shiny duck"
    assert "{msd.generate_mesh}" in draw("MSD_PT_view3d_object")


def test_the_list_of_words_is_behind_the_button(server, bridge):
    bridge.offer = read_offer(capabilities())
    paper = Paper()
    cls = inside("ui.remedy_operators").MSD_OT_known_words
    cls.draw(SimpleNamespace(layout=paper, kind="mesh"), bpy.context)
    assert "duck, ball; in yellow" in " ".join(paper.sheet)


@pytest.mark.parametrize("code", ["server-did-not-start", "token-wrong", "not-our-server", "server-incompatible"])
@pytest.mark.parametrize("kind", ["mesh", "texture"])
def test_what_is_wrong_with_the_server_is_said_once_in_the_strip(bridge, code, kind):
    problem = inside("core.errors").Problem(code, "It ended with exit code 3.", "Read the log.")
    bridge.refuse(problem, kind)
    headline = inside("core.errors").explain(problem).headline
    assert headline.split()[0] in draw("MSD_PT_view3d_status")
    assert "{msd.details}" in draw("MSD_PT_view3d_status")
    for panel in ("MSD_PT_view3d_object", "MSD_PT_view3d_texture"):
        assert "{msd.details}" not in draw(panel)


def test_a_job_that_the_server_refuses_is_shown_below_its_own_button_and_not_in_the_strip(server, bridge):
    def script(job: FakeJob) -> None:
        job.fail("nothing-formed", "The shape vanished twice.", "Try another seed.")

    server.script = script
    with pytest.raises(RuntimeError):
        bpy.ops.msd.generate_mesh(prompt="a red cube")
    lines = draw("MSD_PT_view3d_object").splitlines()
    assert lines.index("Nothing formed") > next(i for i, line in enumerate(lines) if "generate_mesh" in line)
    assert "Nothing formed" not in draw("MSD_PT_view3d_status")
    assert "Nothing formed" not in draw("MSD_PT_view3d_texture")
