"""Enabling, disabling, starting and stopping: nothing is left behind, nothing is remembered that should not be."""

from __future__ import annotations

import os
import sys
import threading

import addon_utils
import bpy
import pytest
from conftest import EXTENSION, inside, pump_until
from fake_server import make_home
from test_panels import details


def use_own_server(bridge, preferences, folder, script: str = "make_cube") -> None:
    preferences.server_python = sys.executable
    bridge.local = inside("core.server_process").LocalServer(make_home(folder / "home", script), folder / "data")


def test_the_add_on_can_be_enabled_and_disabled_again_and_again(addon):
    for _ in range(3):
        addon_utils.disable(EXTENSION, default_set=True)
        assert not hasattr(bpy.types.Scene, "msd")
        assert inside("bridge")._before_load not in bpy.app.handlers.load_pre
        addon_utils.enable(EXTENSION, default_set=True)
        assert bpy.context.scene.msd.mesh.preset == "STANDARD"


def test_enabling_again_starts_with_a_clean_slate(server, bridge):
    server.refusal = (422, {"code": "prompt-unreadable", "detail": "No.", "next": ""})
    with pytest.raises(RuntimeError):
        bpy.ops.msd.generate_mesh(prompt="a zebra")
    assert bridge.problem is not None
    addon_utils.disable(EXTENSION, default_set=True)
    addon_utils.enable(EXTENSION, default_set=True)
    again = inside("bridge").current()
    assert again is not bridge
    assert (again.job, again.problem, again.server_state) == (None, None, "off")


def test_an_enabled_add_on_at_rest_has_no_thread_no_timer_and_no_server(bridge):
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("msd-")]
    assert not bpy.app.timers.is_registered(inside("bridge")._tick)
    assert bridge.local._process is None


def test_the_timer_lives_only_while_there_is_work(server, bridge, start):
    tick = inside("bridge")._tick
    start()
    assert bpy.app.timers.is_registered(tick)
    pump_until(bridge, lambda: not bridge.busy)
    assert tick() is None


def test_the_server_starts_with_the_first_job_and_stops_with_the_add_on(bridge, preferences, tmp_path):
    use_own_server(bridge, preferences, tmp_path)
    assert bpy.ops.msd.generate_mesh(prompt="a red cube") == {"FINISHED"}
    assert bridge.server_state == "ready"
    process = bridge.local._process
    assert process.poll() is None
    addon_utils.disable(EXTENSION, default_set=True)
    assert process.poll() is not None


def test_the_server_can_be_started_and_stopped_by_hand(bridge, preferences, tmp_path):
    use_own_server(bridge, preferences, tmp_path)
    assert bpy.ops.msd.start_server() == {"FINISHED"}
    assert bridge.server_state == "starting"
    pump_until(bridge, lambda: bridge.server_state == "ready")
    process = bridge.local._process
    assert bpy.ops.msd.stop_server() == {"FINISHED"}
    assert bridge.server_state == "off"
    pump_until(bridge, lambda: not bridge.busy)
    assert process.poll() is not None


def test_a_start_by_hand_that_fails_is_shown(bridge, preferences, tmp_path):
    use_own_server(bridge, preferences, tmp_path, "refuse_to_start")
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.problem is not None)
    assert bridge.problem.code == "server-did-not-start"
    assert bridge.server_state == "off"


def test_disabling_while_the_server_starts_ends_it(bridge, preferences, tmp_path):
    package = tmp_path / "home" / "server"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    preferences.server_python = sys.executable
    local = inside("core.server_process").LocalServer(tmp_path / "home", tmp_path / "data")
    bridge.local = local
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: local._process is not None)
    process = local._process
    addon_utils.disable(EXTENSION, default_set=True)
    assert process.poll() is not None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("msd-")]


def test_the_servers_log_opens_beside_the_report(bridge, preferences, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match="Start the server"):
        bpy.ops.msd.open_log()
    assert bridge.problem is not None
    assert "{msd.open_log}" in details()
    opened = tmp_path / "opened"
    for name in ("xdg-open", "open"):  # what Blender asks to open a file, on Linux and on a Mac
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    use_own_server(bridge, preferences, tmp_path)
    bridge.local._open_log().close()
    assert bpy.ops.msd.open_log() == {"FINISHED"}
    assert opened.read_text(encoding="utf-8").strip() == str(bridge.local.log)


def test_the_report_has_what_a_developer_needs_and_no_prompt(server, bridge):
    server.refusal = (500, {"code": "internal", "detail": "Boom.", "next": ""})
    with pytest.raises(RuntimeError):
        bpy.ops.msd.generate_mesh(prompt="my secret duck")
    text = inside("ui.server_operators").report_text()
    assert bpy.app.version_string in text
    assert "internal: Boom." in text
    assert "secret" not in text
    assert os.path.expanduser("~/") not in text
