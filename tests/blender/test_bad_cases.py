"""What can go wrong: each time a clear message in the panel, nothing lost, nothing hanging."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import addon_utils
import bpy
import pytest
from conftest import EXTENSION, inside, pump_until
from fake_server import FakeServer, cube_arrays, make_cube, make_home, npz, run_until_told


def generate(**choices):
    return bpy.ops.msd.generate_mesh(**({"prompt": "a red cube", "seed": 7, "preset": "SKETCH"} | choices))


def job_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("msd-")]


def previews() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if "msd_preview" in obj]


def use_own_server(bridge, preferences, folder: Path, script: str) -> None:
    """Let the add-on start the double itself, as a process."""
    preferences.server_url = ""
    preferences.server_python = sys.executable
    bridge.local = inside("core.server_process").LocalServer(make_home(folder / "home", script), folder / "data")


@pytest.mark.parametrize("prompt", ["", "   "])
def test_an_empty_prompt_sends_nothing(server, bridge, prompt):
    with pytest.raises(RuntimeError, match="prompt is empty"):
        generate(prompt=prompt)
    assert bridge.problem.code == "prompt-empty"
    assert server.seen == []


def test_a_prompt_the_server_cannot_read_is_refused_in_the_servers_words(server, bridge):
    hint = "It knows duck, cube, ball."
    server.refusal = (422, {"code": "prompt-unreadable", "detail": "No zebra.", "next": hint})
    with pytest.raises(RuntimeError, match=r"No zebra\. It knows duck, cube, ball\."):
        generate(prompt="a zebra")
    assert bridge.problem.hint == hint
    assert bridge.job.state == "failed"
    assert list(bpy.data.objects) == []


def test_an_unknown_preset_is_refused_by_name(server):
    with pytest.raises(TypeError, match="ULTRA"):
        generate(preset="ULTRA")


def test_a_growing_bandwidth_is_refused(server, bridge):
    with pytest.raises(RuntimeError, match="would grow"):
        generate(bandwidth_start=0.1, bandwidth_end=1.0)
    assert server.seen == []


def test_without_a_python_for_the_server_set_up_is_offered(addon, bridge):
    with pytest.raises(RuntimeError, match="preferences"):
        generate()
    assert bridge.problem.code == "server-not-set-up"
    assert inside("core.errors").explain(bridge.problem).operator == "msd.set_up"


def test_the_environment_variable_stands_in_for_the_preference(addon, preferences, monkeypatch):
    monkeypatch.setenv("BLENDER_MSD_PYTHON", "/from/the/environment")
    assert inside("ui.preferences").setup().python == Path("/from/the/environment")
    preferences.server_python = "/from/the/preferences"
    assert inside("ui.preferences").setup().python == Path("/from/the/preferences")


def test_a_python_that_does_not_exist_is_named(bridge, preferences):
    preferences.server_python = "/nowhere/python"
    with pytest.raises(RuntimeError, match="/nowhere/python"):
        generate()
    assert bridge.problem.code == "server-python-missing"


def test_a_wrong_token_is_said(server, bridge, preferences):
    preferences.server_token = "wrong"
    with pytest.raises(RuntimeError, match="token"):
        generate()
    assert bridge.problem.code == "token-wrong"
    assert server.jobs == {}


def test_nobody_at_the_address_is_said(bridge, preferences):
    gone = FakeServer()
    gone.close()
    preferences.server_url = gone.url
    with pytest.raises(RuntimeError, match="No answer"):
        generate()
    assert bridge.problem.code == "server-lost"


def test_another_computer_is_only_asked_when_online_access_is_allowed(bridge, preferences):
    assert not bpy.app.online_access
    preferences.server_url = "http://192.0.2.1:8188"
    with pytest.raises(RuntimeError, match="another computer"):
        generate()
    assert bridge.problem.code == "online-access-off"


def test_a_server_that_does_not_start_is_quoted(bridge, preferences, tmp_path):
    use_own_server(bridge, preferences, tmp_path, "refuse_to_start")
    with pytest.raises(RuntimeError, match="torch is missing"):
        generate()
    assert bridge.problem.code == "server-did-not-start"
    assert bridge.server_state == "off"


def test_a_server_that_dies_while_a_job_runs_ends_the_job_and_keeps_the_preview(bridge, preferences, tmp_path):
    use_own_server(bridge, preferences, tmp_path, "die_after_a_live_mesh")
    with pytest.raises(RuntimeError, match=r"exit code 9.*something terrible happened"):
        generate()
    assert bridge.problem.code == "server-stopped"
    assert bridge.server_state == "off"
    assert len(previews()) == 1
    bridge.local = inside("core.server_process").LocalServer(make_home(tmp_path / "b", "make_cube"), tmp_path / "data")
    assert generate() == {"FINISHED"}
    assert bridge.problem is None
    assert previews() == []


def test_a_server_that_is_killed_while_a_job_runs_is_noticed(bridge, preferences, tmp_path, start):
    use_own_server(bridge, preferences, tmp_path, "run_until_told")
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    os.kill(json.loads((tmp_path / "data" / "server.json").read_text(encoding="utf-8"))["pid"], signal.SIGKILL)
    pump_until(bridge, lambda: not bridge.job.busy, seconds=5)
    assert bridge.problem.code == "server-stopped"
    assert "was killed" in bridge.problem.message


def test_a_mesh_with_an_index_out_of_range_is_refused_and_blender_lives(server, bridge):
    broken = cube_arrays()
    broken["triangle"][5] = (0, 1, 2**30)
    server.script = lambda job: job.done(mesh__npz=npz(**broken))
    with pytest.raises(RuntimeError, match="1073741824"):
        generate()
    assert bridge.problem.code == "mesh-damaged"
    assert list(bpy.data.objects) == []


def test_a_torn_result_is_refused(server, bridge):
    server.script = lambda job: job.done(mesh__npz=npz(**cube_arrays())[:200])
    with pytest.raises(RuntimeError, match="cannot be read"):
        generate()
    assert bridge.problem.code == "mesh-damaged"


def test_a_job_that_fails_on_the_server_says_why(server, bridge):
    server.script = lambda job: job.fail("nothing-formed", "The field stayed empty.", "Try another seed.")
    with pytest.raises(RuntimeError, match=r"stayed empty\. Try another seed\."):
        generate()
    assert bridge.problem.code == "nothing-formed"


def test_a_result_that_cannot_be_saved_is_said(server, bridge, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    bridge._results = tmp_path / "file"
    with pytest.raises(RuntimeError, match="could not be written"):
        generate()
    assert bridge.problem.code == "result-not-saved"


def test_a_nonsense_event_ends_the_job_with_a_message(server, bridge):
    server.script = lambda job: job.send("progress", fraction="much")
    with pytest.raises(RuntimeError, match="add-on made a mistake"):
        generate()
    assert bridge.job.state == "failed"


def test_a_job_whose_thread_ends_without_a_word_is_not_waited_for(server, bridge, monkeypatch):
    monkeypatch.setattr(inside("core.job"), "run_job", lambda *_: None)
    with pytest.raises(RuntimeError, match="without a word"):
        generate()
    assert bridge.job.state == "failed"


def test_a_fault_while_placing_ends_the_job_and_not_the_timer(server, bridge, monkeypatch):
    def fault(*_):
        raise ValueError("no room")

    monkeypatch.setattr(inside("scene.placement"), "place", fault)
    with pytest.raises(RuntimeError, match="no room"):
        generate()
    assert bridge.job.state == "failed"


def test_a_cancelled_job_ends_at_once_and_the_server_is_told(server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    assert bpy.ops.msd.cancel() == {"FINISHED"}
    assert bridge.job.state == "cancelled"
    assert list(bpy.data.objects) == []
    assert [collection.name for collection in bpy.data.collections] == []
    assert server.job.cancelled.wait(5)
    pump_until(bridge, lambda: not bridge.busy)
    assert job_threads() == []
    assert bridge.problem is None


def test_what_a_cancelled_job_still_sends_is_dropped(server, bridge, start):
    server.script = run_until_told
    start()
    # Connected, Submitted, two states, progress and the live mesh wait in the queue when the job is cancelled.
    while bridge._queue.qsize() < 6:
        time.sleep(0.01)
    bridge.cancel()
    server.script = lambda job: job.send("log", level="warning", message="the second job")
    start()
    pump_until(bridge, lambda: bridge.job.notes == ["the second job"])
    assert bridge.job.live_meshes == 0
    assert list(bpy.data.objects) == []
    bridge.cancel()


def test_a_job_cancelled_before_the_server_has_started_starts_nothing(bridge, preferences, tmp_path, start):
    use_own_server(bridge, preferences, tmp_path, "make_cube")
    start()
    bridge.cancel()
    assert bridge.server_state == "off"
    pump_until(bridge, lambda: not bridge.busy)
    assert list(bpy.data.objects) == []
    assert bridge.local._process is None


def test_the_server_can_be_started_by_hand_while_a_job_is_cancelled(bridge, preferences, tmp_path, start):
    use_own_server(bridge, preferences, tmp_path, "make_cube")
    start()
    bpy.ops.msd.start_server()
    bridge.cancel()
    pump_until(bridge, lambda: bridge.server_state == "ready")
    pump_until(bridge, lambda: not bridge.busy)
    assert bridge.problem is None


def test_a_job_cancelled_by_somebody_else_ends_here_too(server, bridge):
    def script(job):
        job.live_mesh()
        job.send("state", state="cancelled")

    server.script = script
    assert generate() == {"CANCELLED"}
    assert bridge.job.state == "cancelled"
    assert list(bpy.data.objects) == []


def test_ctrl_c_while_a_script_waits_cancels_the_job(server, bridge):
    server.script = run_until_told

    def press() -> None:
        # Which only grows while the script waits.
        while not (bridge.job and bridge.job.live_meshes):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    # Behind nohup or in the background of a script, Python leaves the key ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=press).start()
    try:
        assert generate() == {"CANCELLED"}
    finally:
        signal.signal(signal.SIGINT, before)
    assert server.job.cancelled.wait(5)
    assert list(bpy.data.objects) == []


def test_cancel_and_finish_are_off_when_nothing_runs(addon):
    for operator in (bpy.ops.msd.cancel, bpy.ops.msd.finish):
        with pytest.raises(RuntimeError, match="No job is running"):
            operator()


def test_disabling_the_add_on_while_a_job_runs_leaves_nothing_running(server, bridge, start, preferences):
    preferences.on_quit = "STOP"
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    tick = inside("bridge")._tick
    assert bpy.app.timers.is_registered(tick)
    addon_utils.disable(EXTENSION, default_set=True)
    assert server.job.cancelled.is_set()
    assert job_threads() == []
    assert not bpy.app.timers.is_registered(tick)
    assert not hasattr(bpy.types.Scene, "msd")
    assert list(bpy.data.objects) == []
    assert not [name for name in dir(bpy.types) if name.startswith("MSD_")]


def test_a_picture_that_is_no_png_is_refused_and_nothing_is_made(server, bridge):
    server.script = lambda job: job.done(texture__png=b"GIF89a" + bytes(100))
    with pytest.raises(RuntimeError, match="not a PNG"):
        bpy.ops.msd.fill_texture(prompt="red bricks", apply="IMAGE")
    assert bridge.problem.code == "image-damaged"
    assert list(bpy.data.images) == []
    assert list(bpy.data.materials) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_time_left_that_is_no_number_is_shown_as_unknown(server, bridge, number):
    def script(job):
        numbers = {"fraction": 0.5, "step": 1, "steps": 2, "seconds_left": float(number), "denoiser_calls": 3}
        job.send("progress", phase="Shaping", **numbers)
        make_cube(job)

    server.script = script
    assert generate() == {"FINISHED"}


@pytest.mark.parametrize("faces", [None, "many", float("nan"), []])
def test_a_report_that_makes_no_sense_ends_the_job_with_a_message(server, bridge, faces):
    def script(job):
        job.files["mesh.npz"] = npz(**cube_arrays())
        job.send("done", report={"artifacts": ["mesh.npz"], "faces": faces})

    server.script = script
    with pytest.raises(RuntimeError, match="developers"):
        generate()
    assert bridge.job.state == "failed"
    assert list(bpy.data.objects) == []


@pytest.mark.parametrize("priors", ["none", 5, [5], [{}], [{"name": "x", "makes": 5}]])
def test_an_offer_that_makes_no_sense_is_said_wherever_it_is_asked_for(server, bridge, priors):
    server.capabilities["priors"] = priors
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.problem is not None and not bridge.busy)
    assert bridge.problem.code == "add-on-error"
    with pytest.raises(RuntimeError, match="developers"):
        generate()


def test_a_folder_of_the_add_on_that_cannot_be_made_keeps_nobody_from_enabling_it(addon):
    addon_utils.disable(EXTENSION, default_set=True)
    own = Path(bpy.utils.extension_path_user(EXTENSION, path="", create=False))
    shutil.rmtree(own, ignore_errors=True)
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("a file in its place", encoding="utf-8")
    try:
        assert addon_utils.enable(EXTENSION, default_set=True) is not None
        fake = FakeServer()
        given = bpy.context.preferences.addons[EXTENSION].preferences
        given.server_url, given.server_token = fake.url, fake.token
        with pytest.raises(RuntimeError, match="could not be written"):
            generate()
        fake.close()
    finally:
        own.unlink()


def test_a_fault_between_two_messages_ends_the_job_with_a_message_even_when_the_scene_is_at_fault(
    server, bridge, start, monkeypatch
):
    def fault(*_):
        raise ValueError("no scene")

    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes == 1)
    monkeypatch.setattr(bridge, "pump", fault)
    monkeypatch.setattr(inside("scene.placement"), "remove_preview", fault)
    inside("bridge")._tick()
    assert bridge.job.state == "failed"
    assert "no scene" in bridge.problem.message
    assert server.job.cancelled.wait(5)


def test_the_colours_can_only_be_shown_in_a_viewport(addon):
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.msd.show_colours()


@pytest.mark.parametrize("filepath", ["", '""', "  \n"])
def test_choosing_no_file_is_said(addon, bridge, filepath):
    bpy.context.scene.msd.mesh.prior = "embedded"
    with pytest.raises(RuntimeError, match="No file was chosen"):
        bpy.ops.msd.browse_model(kind="mesh", filepath=filepath)
    assert bpy.context.scene.msd.mesh.prior == "embedded"
