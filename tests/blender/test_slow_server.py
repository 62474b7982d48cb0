"""What the panels show and do while a server, or a list of models, is slow."""

from __future__ import annotations

import sys

import bpy
import pytest
from conftest import inside, pump_until
from fake_server import make_home, run_until_told
from offers import capabilities
from test_panels import details, draw


@pytest.fixture
def hasty(addon, monkeypatch):
    """Answers may take a moment only, so that these tests are quick."""
    monkeypatch.setattr(inside("core.client"), "TIMEOUT", 0.2)


@pytest.fixture
def silent(preferences, tmp_path):
    """A server of our own that starts and never says anything."""
    preferences.server_python = sys.executable
    package = tmp_path / "home" / "server"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    return inside("core.server_process").LocalServer(tmp_path / "home", tmp_path / "data")


def test_the_server_is_ready_before_its_models_are_listed_and_they_arrive_later(hasty, server, bridge):
    server.capabilities = capabilities()
    server.lists_models.clear()
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.server_state == "ready")
    pump_until(bridge, lambda: server.seen.count("GET /v1/capabilities") > 1)
    assert (bridge.problem, bridge.server_state) == (None, "ready")
    assert "<prior>" in draw("MSD_PT_view3d_object")
    server.lists_models.set()
    pump_until(bridge, lambda: bridge.offer.models)
    assert "[MSD_MT_mesh_model: Embedded]" in draw("MSD_PT_view3d_object")


def test_a_job_is_done_while_the_list_of_models_does_not_come_which_is_asked_for_beside_it(hasty, server, bridge):
    server.capabilities = capabilities()
    server.lists_models.clear()
    assert bpy.ops.msd.generate_mesh(prompt="a duck") == {"FINISHED"}
    assert bridge.problem is None
    server.lists_models.set()
    pump_until(bridge, lambda: bridge.offer.models)


def test_that_the_server_still_looks_for_models_is_shown_and_the_rest_arrives_by_itself(server, bridge):
    server.capabilities = capabilities() | {"priors_refreshing": True}
    server.capabilities["priors"] = server.capabilities["priors"][:2]
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.offer.models)
    assert "Looking for models" in draw("MSD_PT_view3d_object")
    server.capabilities = capabilities()
    pump_until(bridge, lambda: len(bridge.offer.models) == 5 and not bridge.busy)
    assert "Looking for models" not in draw("MSD_PT_view3d_object")


def test_looking_again_lets_the_server_look_again(server, bridge):
    server.capabilities = capabilities()
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.offer.models and not bridge.busy)
    assert "GET /v1/capabilities?refresh=true" not in server.seen
    bpy.ops.msd.refresh_models()
    pump_until(bridge, lambda: not bridge.busy)
    assert "GET /v1/capabilities?refresh=true" in server.seen


def test_a_server_that_starts_slowly_keeps_running_and_can_be_waited_for_or_stopped(hasty, bridge, silent, monkeypatch):
    monkeypatch.setattr(inside("core.server_process"), "START_LIMIT", 0.5)
    bridge.local = silent
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.problem is not None)
    process = bridge.local._process
    assert bridge.problem.code == "server-slow"
    assert process.poll() is None
    drawn = draw("MSD_PT_view3d_status")
    assert "does not answer yet" in drawn
    assert "{msd.start_server}" in drawn
    assert "{msd.stop_server}" in details()
    bpy.ops.msd.start_server()
    pump_until(bridge, lambda: bridge.problem is not None)
    assert bridge.local._process is process
    bpy.ops.msd.stop_server()
    pump_until(bridge, lambda: not bridge.busy)
    assert process.poll() is not None
    assert bridge.server_state == "off"


def test_a_server_is_slow_only_until_it_says_something(hasty, server, bridge, start):
    server.script = run_until_told
    start()
    pump_until(bridge, lambda: bridge.job.live_meshes)
    server.answers.clear()
    bpy.ops.msd.finish()
    pump_until(bridge, lambda: bridge.problem is not None)
    assert (bridge.problem.code, bridge.server_state, bridge.job.busy) == ("server-slow", "slow", True)
    server.answers.set()
    pump_until(bridge, lambda: not bridge.job.busy)
    assert (bridge.job.state, bridge.problem, bridge.server_state) == ("done", None, "ready")


def test_an_own_server_whose_models_lie_on_a_disk_that_hangs_makes_the_job(hasty, bridge, preferences, tmp_path):
    preferences.server_python = sys.executable
    home = make_home(tmp_path / "home", "make_cube")
    main = home / "server" / "__main__.py"
    text = main.read_text(encoding="utf-8").replace("main('make_cube')", "main('make_cube', lists_models=False)")
    main.write_text(text, encoding="utf-8")
    bridge.local = inside("core.server_process").LocalServer(home, tmp_path / "data")
    assert bpy.ops.msd.generate_mesh(prompt="a red cube") == {"FINISHED"}
    assert bridge.local._process.poll() is None


def test_whoever_still_waits_is_woken_when_the_add_on_ends_however_often_it_was_started(bridge, silent, monkeypatch):
    monkeypatch.setattr(inside("link"), "JOIN_LIMIT", 60.0)
    bridge.local = silent
    for _ in range(3):
        bpy.ops.msd.start_server()
    threads = list(bridge._crew._threads)
    bridge.shut_down(leave_jobs=False)
    assert len(threads) == 3
    assert not any(thread.is_alive() for thread in threads)
    assert bridge.problem is None
