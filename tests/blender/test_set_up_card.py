"""Set-up from inside Blender: the card, its operators, and what the preferences can check."""

from __future__ import annotations

import http.server
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import bpy
import pytest
from conftest import REAL_PYTHON, ROOT, inside
from test_panels import Paper, details, draw

sys.path.insert(0, str(ROOT / "tests" / "setup"))
from stand_in import StandIn

from blender_msd.core.setup.machine import system_name


@pytest.fixture
def engine(addon: Any, preferences: Any, tmp_path: Path) -> StandIn:
    """The add-on, with a small engine of which the packages lie in a folder."""
    made = StandIn(tmp_path / "Zoë's größe")
    (made.home / "blender_msd").symlink_to(ROOT / "blender_msd")
    (made.home / "server" / "locks").mkdir()
    made.lock = made.home / "server" / "locks" / f"{system_name()}-cpu.txt"
    made.write_lock()
    inside("bridge").installer()._home = made.home
    preferences.offline_folder = str(made.wheels)
    preferences.env_folder = str(made.root.parent)
    preferences.accelerator = "cpu"
    return made


def installer() -> Any:
    return inside("bridge").installer()


def show(**state: Any) -> str:
    """The card in a state of the set-up."""
    installer().state = inside("core.setup.state").SetupState(**state)
    return card()


def card() -> str:
    """The set-up's panel; empty while it is not there."""
    shown = inside("ui.panels").MSD_PT_view3d_setup.poll(bpy.context)
    return draw("MSD_PT_view3d_setup") if shown else ""


def draw_preferences(preferences: Any) -> str:
    paper = Paper()
    cls = type(preferences)
    cls.draw(_Drawn(preferences, paper), bpy.context)
    return "\n".join(paper.sheet)


class _Drawn:
    def __init__(self, preferences: Any, layout: Paper) -> None:
        self.layout, self._preferences = layout, preferences

    def __getattr__(self, name: str) -> Any:
        return getattr(self._preferences, name)


def test_the_card_says_what_is_found_and_needed_before_anything_starts(engine):
    assert "{msd.set_up}" in card()
    bpy.ops.msd.set_up_look()
    drawn = " ".join(card().split())
    assert "processor cores" in drawn
    assert "50 kB download" in drawn
    assert "Free:" in drawn
    assert "inside Blender" in drawn
    assert "{msd.read_licences}" in drawn
    assert not engine.root.exists()


def test_from_nothing_to_a_server_that_can_be_started_with_one_button(engine):
    assert bpy.ops.msd.set_up() == {"FINISHED"}
    assert installer().state.kind == "ready"
    python = inside("ui.preferences").setup().python
    assert python is not None
    assert python.is_relative_to(engine.root)
    assert "{msd.set_up}" not in card()
    assert installer().state.times["mesh"]["sketch"] == 1.5


def test_what_is_installed_is_verified_repaired_and_removed(engine, preferences):
    bpy.ops.msd.set_up()
    bpy.ops.msd.set_up_verify()
    assert installer().note == "Every file is as it was installed."
    (deep,) = engine.root.rglob("engine_parts/deep.py")
    deep.unlink()
    bpy.ops.msd.set_up_verify()
    assert "engine_parts/deep.py is missing" in installer().note
    assert "{msd.set_up_repair}" in draw_preferences(preferences)
    assert bpy.ops.msd.set_up_repair() == {"FINISHED"}
    assert deep.is_file()
    bpy.ops.msd.set_up_remove()
    assert "are kept" in installer().note
    assert installer().state.kind == "not-set-up"
    assert inside("ui.preferences").setup().python is None


def test_a_failed_set_up_says_why_and_goes_on_when_asked(engine):
    (engine.home / "server" / "fails").touch()
    with pytest.raises(RuntimeError, match="Memory ran out"):
        bpy.ops.msd.set_up()
    drawn = card()
    assert "Memory ran out" in " ".join(drawn.split())
    assert "% done" in drawn
    assert "{msd.set_up_cancel}" in drawn
    (engine.home / "server" / "fails").unlink()
    assert bpy.ops.msd.set_up() == {"FINISHED"}
    assert installer().state.kind == "ready"


def test_the_internet_is_asked_for_only_where_it_is_used(engine, preferences):
    assert not bpy.app.online_access
    preferences.offline_folder = ""
    with pytest.raises(RuntimeError, match="offline package"):
        bpy.ops.msd.set_up()
    assert not engine.root.exists()
    preferences.offline_folder = str(engine.wheels)
    (engine.home / "server" / "fails").touch()
    with pytest.raises(RuntimeError):
        bpy.ops.msd.set_up()
    (engine.home / "server" / "fails").unlink()
    preferences.offline_folder = ""
    # All is fetched: only the last stages are left.
    assert bpy.ops.msd.set_up() == {"FINISHED"}


def test_a_running_set_up_shows_its_stage_size_speed_and_time_left(addon):
    progress = inside("core.setup.survey").Progress(2, 0.41, 150_000_000, 383_000_000, 5e6, 46.0, "Collecting torch")
    drawn = show(kind="part-done", running=True, fraction=0.41, progress=progress)
    assert "2 of 5, Engine" in drawn
    assert "[41%] 41%" in drawn
    assert "150 MB of 383 MB, 5 MB/s" in drawn
    assert "about 0:46 left" in drawn
    assert "Collecting torch" in drawn
    assert "{msd.set_up_pause}" in drawn
    assert "{msd.set_up_cancel}" in drawn
    assert "{msd.set_up}" not in drawn


def test_the_buttons_of_a_running_set_up_stay_where_they_are_whatever_it_says(addon):
    progress = inside("core.setup.survey").Progress
    quiet = progress(1, 0.01)
    chatty = progress(2, 0.41, 150_000_000, 383_000_000, 5e6, 46.0, "Collecting " + "torch " * 40)
    places = set()
    for one in (quiet, chatty):
        lines = show(kind="part-done", running=True, fraction=one.fraction, progress=one).splitlines()
        places.add(lines.index("{msd.set_up_pause}"))
    assert len(places) == 1


@pytest.mark.parametrize("ended", [True, False])
def test_what_is_wrong_with_the_set_up_opens_whole_and_is_in_the_report(addon, ended):
    parts = ("set-up-no-python", "No Python 3.11 was found. " + "Looked at this and that. " * 20, "Install one.")
    if ended:
        installer().state = inside("core.setup.state").SetupState(
            "failed", progress=inside("core.setup.survey").Progress(2, 0.4, failed=parts)
        )
    else:
        installer().problem = inside("core.errors").Problem(*parts)
    lines = card().splitlines()
    assert "No fitting Python was found" in lines
    assert "{msd.details}" in lines
    assert bpy.ops.msd.details.poll()
    whole = " ".join(details(of_set_up=True).split())
    assert whole.count("Looked at this and that.") == 20
    assert "set-up-no-python" in inside("ui.server_operators").report_text()


@pytest.mark.parametrize("kind", ["not-set-up", "part-done", "update-needed", "ready"])
def test_the_preferences_say_what_is_wrong_once(addon, preferences, kind):
    installer().state = inside("core.setup.state").SetupState(kind)
    installer().problem = inside("core.errors").Problem("set-up-no-python", "None was found.", "Install one.")
    assert draw_preferences(preferences).count("No fitting Python was found") == 1


def test_what_is_chosen_in_the_preferences_shows_in_the_card_at_once(engine, preferences):
    bpy.ops.msd.set_up_look()
    assert "inside Blender" in " ".join(card().split())
    preferences.base_python = str(engine.home / "no python")
    installer().wait()
    assert "This Python cannot be used" in card()
    preferences.base_python = sys.executable
    installer().wait()
    assert "picked" in " ".join(card().split())


def test_the_strip_says_how_far_the_set_up_is_and_its_button_pauses_or_goes_on(addon):
    progress = inside("core.setup.survey").Progress(2, 0.41)
    show(kind="part-done", running=True, fraction=0.41, progress=progress)
    strip = draw("MSD_PT_view3d_status")
    assert "Set-up 41% done" in strip
    assert "{msd.set_up_pause}" in strip
    show(kind="part-done", fraction=0.41, progress=progress)
    assert "{msd.set_up}" in draw("MSD_PT_view3d_status")
    show(kind="ready")
    assert "Off, starts when you generate" in draw("MSD_PT_view3d_status")


def test_a_half_done_set_up_says_how_far_it_is(addon):
    progress = inside("core.setup.survey").Progress(2, 0.62)
    assert "Set-up 62% done" in show(kind="part-done", fraction=0.62, progress=progress)


def test_an_update_says_from_where_to_where_and_that_the_old_one_goes_on(addon):
    drawn = show(kind="update-needed", have="1.2.0", want="1.3.0")
    assert "Update needed: 1.2.0 -> 1.3.0" in drawn
    assert "goes on working" in " ".join(drawn.split())


def test_who_has_a_python_or_a_server_is_not_asked_to_set_up(addon, preferences):
    preferences.server_python = sys.executable
    assert "{msd.set_up}" not in card()
    preferences.server_python, preferences.server_url = "", "http://127.0.0.1:1"
    assert "{msd.set_up}" not in card()


def test_a_python_of_ones_own_is_checked(addon, preferences):
    with pytest.raises(RuntimeError, match="No Python was chosen"):
        bpy.ops.msd.check_python()
    preferences.server_python = sys.executable  # Blender's, which has no torch
    with pytest.raises(RuntimeError, match="lacks what the server needs"):
        bpy.ops.msd.check_python()
    if not REAL_PYTHON:
        pytest.skip("BLENDER_MSD_PYTHON is not set")
    preferences.server_python = f'"{REAL_PYTHON}"\n'
    assert bpy.ops.msd.check_python() == {"FINISHED"}
    assert "has all that is needed" in installer().note


@pytest.mark.parametrize(
    "spelling", ["127.0.0.1:{}", "HTTP://LOCALHOST:{}/", ":{}", "'http://127.0.0.1:{}/v1/health'\n"]
)
def test_a_server_of_ones_own_is_checked_however_its_address_is_written(fake, preferences, spelling):
    preferences.server_url, preferences.server_token = spelling.format(fake.port), f" {fake.token}\n"
    assert bpy.ops.msd.check_server() == {"FINISHED"}
    assert "A server of ours" in installer().note


class _Comfy(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<html><head><title>ComfyUI</title></head></html>"
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_something_else_at_the_address_is_named(preferences):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Comfy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    preferences.server_url = f"127.0.0.1:{server.server_port}"
    with pytest.raises(RuntimeError, match="Found ComfyUI"):
        bpy.ops.msd.check_server()
    server.shutdown()
    server.server_close()


def test_a_program_that_is_no_web_server_is_named_by_what_it_says(preferences):
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

    threading.Thread(target=answer, daemon=True).start()
    preferences.server_url = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(RuntimeError, match="SSH-2"):
        bpy.ops.msd.check_server()
    listener.close()


def test_licences_can_be_read_before(addon):
    assert bpy.ops.msd.read_licences() == {"FINISHED"}
    text = bpy.data.texts["Licences of the set-up"].as_string()
    assert "torch" in text
    assert "BSD" in text


def test_a_python_is_browsed_for_with_a_button_that_takes_it_over(addon, preferences):
    assert bpy.ops.msd.browse_python(filepath="/home/me/.venv/bin/python", field="base_python") == {"FINISHED"}
    assert preferences.base_python == "/home/me/.venv/bin/python"
    assert preferences.server_python == ""
