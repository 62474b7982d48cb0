"""The server as a process: started, found again, watched, stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
from fake_server import FakeServer, make_home

from blender_msd.core import client, server_process
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


@pytest.mark.parametrize(
    "left_over",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"host": "127.0.0.1", "port": 9, "token": "old", "pid": 1}',
        b'{"host": 5, "port": 9, "token": "old"}',
        b'{"host": ["127.0.0.1"], "port": 9, "token": "old"}',
        b'{"host": "127.0.0.1", "port": "many", "token": "old"}',
        b'{"host": "127.0.0.1", "port": 1e999, "token": "old"}',
        b'{"host": "127.0.0.1", "port": -9, "token": "old"}',
        b'{"host": "127.0.0.1", "port": [], "token": "old"}',
        b'{"host": "127.0.0.1", "port": 9, "token": "\\u9e2d"}',
        b'{"host": "\\ud800", "port": 9, "token": null}',
    ],
    ids=lambda left_over: repr(left_over[:60]),
)
def test_what_a_dead_server_left_behind_is_not_believed(local, tmp_path, left_over):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "server.json").write_bytes(left_over)
    connect(local).check()


def refusal(server: LocalServer, code: str) -> str:
    with pytest.raises(Problem) as caught:
        connect(server)
    assert caught.value.code == code
    assert caught.value.hint
    assert server._process is None
    return caught.value.message


def test_a_folder_in_the_place_of_the_servers_file_is_named(local, tmp_path):
    (tmp_path / "data" / "server.json").mkdir(parents=True)
    assert "server.json cannot be read (Is a directory)" in refusal(local, "server-file-unusable")


def test_a_servers_file_that_cannot_be_read_is_named(local, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "server.json").symlink_to("server.json")  # a loop, which stops even the administrator
    assert "server.json cannot be read" in refusal(local, "server-file-unusable")


@pytest.mark.skipif(os.geteuid() != 0, reason="only the administrator can give files away")
def test_the_server_of_another_user_is_not_talked_to(local, tmp_path):
    (tmp_path / "data").mkdir()
    running = FakeServer()
    running.write_server_file(tmp_path / "data")
    os.chown(tmp_path / "data" / "server.json", 65534, 65534)
    assert "belongs to another user" in refusal(local, "server-file-unusable")
    assert running.seen == []
    running.close()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    server = LocalServer(make_home(tmp_path / "home", "make_cube"), tmp_path / "file" / "data")
    assert "server-output.log cannot be written" in refusal(server, "data-folder-unusable")


def test_a_full_disk_is_noticed_before_the_server_starts(local, tmp_path):
    (tmp_path / "data").mkdir()
    local.log.symlink_to("/dev/full")
    assert "No space left" in refusal(local, "data-folder-unusable")


def test_a_log_that_is_a_folder_is_named_and_reads_as_empty(local):
    local.log.mkdir(parents=True)
    assert "Is a directory" in refusal(local, "data-folder-unusable")
    assert local.log_lines(10) == []


def test_a_data_folder_that_is_deleted_while_the_server_runs_takes_no_one_down(local, tmp_path):
    connect(local)
    shutil.rmtree(tmp_path / "data")
    local.check_alive()
    assert local.log_lines(10) == []
    connect(local).check()


def test_the_log_is_utf8_whatever_the_systems_encoding(tmp_path, monkeypatch):
    for name in ("LC_ALL", "LANG"):
        monkeypatch.setenv(name, "C")
    monkeypatch.setenv("PYTHONCOERCECLOCALE", "0")
    package = tmp_path / "home" / "server"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("print('no 鸭子 here')\n", encoding="utf-8")
    server = LocalServer(tmp_path / "home", tmp_path / "data")
    with pytest.raises(Problem, match="no 鸭子 here"):
        connect(server)


def test_a_python_that_is_missing_is_named(local):
    with pytest.raises(Problem, match="/nowhere/python") as caught:
        connect(local, Path("/nowhere/python"))
    assert caught.value.code == "server-python-missing"


def test_a_folder_instead_of_a_python_is_refused(local, tmp_path):
    with pytest.raises(Problem) as caught:
        connect(local, tmp_path)
    assert caught.value.code == "server-did-not-start"
    assert "it is a folder" in caught.value.message


def test_a_file_that_is_no_program_is_refused(local, tmp_path):
    (tmp_path / "notes.txt").write_text("no program", encoding="utf-8")
    with pytest.raises(Problem, match=r"notes\.txt cannot be run") as caught:
        connect(local, tmp_path / "notes.txt")
    assert caught.value.code == "server-did-not-start"


def test_a_server_that_ends_at_once_is_quoted(tmp_path):
    server = LocalServer(make_home(tmp_path / "home", "refuse_to_start"), tmp_path / "data")
    with pytest.raises(Problem, match=r"exit code 3.*torch is missing") as caught:
        connect(server)
    assert caught.value.code == "server-did-not-start"


def write_server(tmp_path: Path, script: str) -> LocalServer:
    """A server that is this script; `local` leads to the double."""
    package = tmp_path / "home" / "server"
    package.mkdir(parents=True)
    here = str(Path(__file__).parent)
    text = f"import sys, time, os\nfrom pathlib import Path\nsys.path.insert(0, {here!r})\n{script}"
    (package / "__main__.py").write_text(text, encoding="utf-8")
    return LocalServer(tmp_path / "home", tmp_path / "data")


# Answers once the file `go` is there.
SLOW_START = "while not Path(sys.argv[5]).with_name('go').exists(): time.sleep(0.01)\n"
SERVES = "import fake_server\nfake_server.main('make_cube')\n"


def test_a_server_that_starts_slowly_is_not_ended_for_that_and_can_be_waited_for_again(tmp_path, monkeypatch):
    monkeypatch.setattr(server_process, "START_LIMIT", 0.5)
    server = write_server(tmp_path, SLOW_START + SERVES)
    for _ in range(2):
        with pytest.raises(Problem, match="no answer within") as caught:
            connect(server)
        assert caught.value.code == "server-slow"
        server.check_alive()
    process = server._process
    (tmp_path / "go").write_text("", encoding="utf-8")
    monkeypatch.setattr(server_process, "START_LIMIT", 60.0)
    connect(server).check()
    assert server._process is process
    server.stop()
    assert process.poll() is not None


def test_a_server_that_lists_its_models_slowly_is_found_and_left_running(tmp_path):
    # Its list of models never comes.
    server = write_server(tmp_path, "import fake_server\nfake_server.main('make_cube', lists_models=False)\n")
    connect(server).check()
    process = server._process
    connect(server).check()
    assert server._process is process
    server.stop()


@pytest.fixture
def hasty(monkeypatch):
    """Answers may take a moment only, so that the tests of slow servers are quick."""
    monkeypatch.setattr(client, "TIMEOUT", 0.2)


def test_a_running_server_that_stands_still_is_waited_for_and_not_replaced(local, hasty, tmp_path):
    connect(local)
    process, pid = local._process, pid_of(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(1.0, os.kill, [pid, signal.SIGCONT]).start()
    connect(local)
    assert local._process is process
    assert pid_of(tmp_path) == pid


def test_nor_is_it_ended_when_it_stands_still_for_too_long_or_the_user_stops_waiting(
    local, hasty, tmp_path, monkeypatch
):
    connect(local)
    process, pid = local._process, pid_of(tmp_path)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(server_process, "START_LIMIT", 0.5)
    with pytest.raises(Problem) as caught:
        connect(local)
    assert caught.value.code == "server-slow"
    stop = Interrupt()
    stop.set()
    with pytest.raises(Interrupted):
        connect(local, stop=stop)
    os.kill(pid, signal.SIGCONT)
    assert local._process is process
    local.check_alive()


def test_a_slow_server_that_somebody_else_started_is_waited_for(hasty, tmp_path):
    # Ours cannot have the folder and ends at once, as the real one does.
    server = write_server(tmp_path, "raise SystemExit('A server with process id 7 already uses this folder.')")
    (tmp_path / "data").mkdir()
    running = FakeServer()
    running.answers.clear()
    running.write_server_file(tmp_path / "data")
    threading.Timer(1.0, running.answers.set).start()
    connect(server)
    running.close()


def test_an_older_server_in_the_folder_is_refused_in_plain_words(tmp_path):
    server = write_server(tmp_path, "raise SystemExit('A server with process id 7 already uses this folder.')")
    (tmp_path / "data").mkdir()
    running = FakeServer()
    running.knows_hello = False
    running.write_server_file(tmp_path / "data")
    with pytest.raises(Problem, match=r"version 0\.1\.0.*older than this add-on") as caught:
        connect(server)
    assert caught.value.code == "server-incompatible"
    running.close()


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


def test_the_first_of_two_blenders_leaves_the_server_to_the_second(tmp_path):
    home = make_home(tmp_path / "home", "make_cube")
    first, second = (LocalServer(home, tmp_path / "data") for _ in range(2))
    client = connect(first)
    connect(second).attach(os.getppid())  # as another process would
    first.stop()
    client.check()
    client.detach(os.getppid())
    first_process = json.loads((tmp_path / "data" / "server.json").read_text("utf-8"))["pid"]
    os.kill(first_process, signal.SIGTERM)


def test_the_only_blender_takes_the_server_along(local):
    client = connect(local)
    local.stop()
    with pytest.raises(Problem):
        client.check()
