"""The server as a process: started, found again, watched, stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from fake_server import FakeServer, make_home

from blender_msd.core import server_process
from blender_msd.core.errors import Interrupted, Problem
from blender_msd.core.interrupt import Interrupt
from blender_msd.core.server_process import LocalServer, explain_exit

PYTHON = Path(sys.executable)


@pytest.fixture
def local(tmp_path):
    server = LocalServer(make_home(tmp_path / "home", "make_cube"), tmp_path / "data")
    yield server
    server.stop()


def connect(server: LocalServer, python: Path = PYTHON, stop: Interrupt | None = None):
    return server.connect(python, stop or Interrupt())


def pid_of(tmp_path: Path) -> int:
    return json.loads((tmp_path / "data" / "server.json").read_text(encoding="utf-8"))["pid"]


def test_the_server_is_started_once_and_answers(local, tmp_path):
    connect(local).check()
    first = pid_of(tmp_path)
    connect(local).check()
    assert pid_of(tmp_path) == first


def test_stopping_ends_the_process(local, tmp_path):
    connect(local)
    pid = pid_of(tmp_path)
    local.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_runs_already_is_used_and_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    running = FakeServer()
    running.write_server_file(tmp_path / "data")
    # There is no server in this home, so it could not be started.
    server = LocalServer(tmp_path, tmp_path / "data")
    connect(server, Path("/nowhere/python")).check()
    server.stop()
    connect(server, Path("/nowhere/python")).check()
    running.close()


@pytest.mark.parametrize("left_over", ["{", "{}", '{"host": "127.0.0.1", "port": 9, "token": "old", "pid": 1}'])
def test_what_a_dead_server_left_behind_is_not_believed(local, tmp_path, left_over):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "server.json").write_text(left_over, encoding="utf-8")
    connect(local).check()


def test_a_python_that_is_missing_is_named(local):
    with pytest.raises(Problem, match="/nowhere/python") as caught:
        connect(local, Path("/nowhere/python"))
    assert caught.value.code == "server-python-missing"


def test_a_folder_instead_of_a_python_is_refused(local, tmp_path):
    with pytest.raises(Problem) as caught:
        connect(local, tmp_path)
    assert caught.value.code == "server-did-not-start"


def test_a_server_that_ends_at_once_is_quoted(tmp_path):
    server = LocalServer(make_home(tmp_path / "home", "refuse_to_start"), tmp_path / "data")
    with pytest.raises(Problem, match=r"exit code 3.*torch is missing") as caught:
        connect(server)
    assert caught.value.code == "server-did-not-start"


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(server_process, "START_LIMIT", 0.5)
    package = tmp_path / "home" / "server"
    package.mkdir(parents=True)
    pid_file = tmp_path / "pid"
    (package / "__main__.py").write_text(
        f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n", encoding="utf-8"
    )
    server = LocalServer(tmp_path / "home", tmp_path / "data")
    with pytest.raises(Problem, match="no answer within"):
        connect(server)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text(encoding="utf-8")), 0)


def test_waiting_for_the_start_can_be_interrupted(local):
    stop = Interrupt()
    stop.set()
    with pytest.raises(Interrupted):
        connect(local, stop=stop)


def test_a_killed_server_is_noticed_and_started_anew(local, tmp_path):
    connect(local)
    local.check_alive()
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    local._process.wait(5)
    with pytest.raises(Problem, match="was killed"):
        local.check_alive()
    connect(local).check()
    local.check_alive()


def test_blenders_python_settings_are_kept_from_the_server(local, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    connect(local).check()


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended by itself"), (1, "exit code 1"), (-15, "SIGTERM"), (-9, "out of memory"), (0xC0000005, "crashed")],
)
def test_exit_codes_are_put_into_words(code, words):
    assert words in explain_exit(code)
