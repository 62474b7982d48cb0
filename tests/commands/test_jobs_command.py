"""`python -m server jobs` beside a server that works."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.api.handshake import write_server_file
from server.api.office import Office
from server.commands.jobs import ORDERS
from server.commands.main import main
from server.commands.running_server import parse
from server.jobs.intake import Terms
from server.recipe import read_recipe
from tests.api.conftest import BRICKS, TOKEN, served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A server that is found by its server.json, whose worker works."""
    data_dir = tmp_path_factory.mktemp("data")
    office = Office.open(data_dir, TOKEN, ["cpu"], heartbeat_s=0.05)
    office.queue.start()
    with served(office) as (client, _):
        write_server_file(data_dir, "http", "127.0.0.1", client.base_url.port or 0, TOKEN)
        yield office
    office.store.close()


def submit(office: Office, **changes: Any) -> str:
    job, _ = office.store.submit(read_recipe(BRICKS | changes))
    office.queue.wake()
    return job.id


class Asked:
    """What the command said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], data_dir: Path, *arguments: str) -> None:
        capsys.readouterr()
        self.code = main(["jobs", *arguments, "--data-dir", str(data_dir)])
        self.out, self.err = capsys.readouterr()


def test_jobs_are_listed_newest_first_for_people_and_for_programs(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [submit(office, seed=seed) for seed in range(60)]
    shown = Asked(capsys, office.data_dir, "list")
    lines = shown.out.splitlines()
    assert shown.code == 0
    assert lines[0].split() == ["id", "state", "made", "kind", "seed", "prompt", "notes"]
    assert [line.split()[0] for line in lines[1:]] == ids[::-1][:50]
    assert "red bricks" in lines[1]
    everything = json.loads(Asked(capsys, office.data_dir, "list", "--all", "--json").out)["jobs"]
    assert [job["id"] for job in everything] == ids[::-1]
    for job_id in ids:
        office.queue.cancel(job_id)


def test_a_job_is_followed_to_its_end(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = submit(office)
    shown = Asked(capsys, office.data_dir, "follow", job_id)
    assert (shown.code, shown.out.splitlines()[:2]) == (0, [f"id: {job_id}", "state: done"])
    assert "state: running" in shown.err
    lines = Asked(capsys, office.data_dir, "follow", job_id, "--json")
    events = [json.loads(line) for line in lines.out.splitlines()]
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
    assert (events[0]["data"], events[-1]["event"]) == ({"state": "queued"}, "done")
    assert lines.err == ""


def test_what_was_made_before_is_listed_with_its_source_and_followed_like_any_other(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, terms = read_recipe(BRICKS | {"seed": 77}), Terms(["the same"])
    (first,), _ = office.queue.submit([recipe], None, [], terms)
    assert Asked(capsys, office.data_dir, "follow", first.id).code == 0
    (again,), _ = office.queue.submit([recipe], None, [], terms)
    listed = Asked(capsys, office.data_dir, "list").out.splitlines()
    assert listed[1].split()[:2] == [again.id, "done"]
    assert listed[1].endswith(f"made before, as {first.id}")
    assert "made before" not in listed[2]
    followed = Asked(capsys, office.data_dir, "follow", again.id)
    assert (followed.code, followed.out.splitlines()[:2]) == (0, [f"id: {again.id}", "state: done"])
    assert "Made before" in followed.err


def test_a_job_that_fails_is_followed_to_its_reason(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = submit(office, prior="/no/such/folder")
    shown = Asked(capsys, office.data_dir, "follow", job_id)
    error = office.store.get(job_id).error
    assert shown.code == 1
    assert error is not None
    assert error["detail"] in shown.err
    lines = Asked(capsys, office.data_dir, "follow", job_id, "--json").out.splitlines()
    assert [json.loads(line) for line in lines][-1] == {"error": error}


def test_every_order_is_given_from_the_command_line(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    def asked(order: str, job_id: str) -> dict[str, Any]:
        answer = Asked(capsys, office.data_dir, order, job_id, "--json")
        return dict(json.loads(answer.out))

    running, waiting = submit(office, steps=100_000), submit(office, seed=1)
    assert asked("first", waiting)["priority"] == 1
    assert asked("star", waiting)["starred"] is True
    assert asked("unstar", waiting)["starred"] is False
    assert asked("cancel", waiting)["state"] == "cancelled"
    while office.store.get(running).state != "running":
        pass
    asked("pause", running)
    while office.store.get(running).state != "paused":
        pass
    assert asked("resume", running)["state"] in ("queued", "running")
    while office.store.get(running).state != "running":
        pass
    assert asked("finish", running)["state"] == "finishing"
    assert Asked(capsys, office.data_dir, "follow", running).code == 0
    assert asked("retry", waiting)["state"] in ("queued", "running")
    assert Asked(capsys, office.data_dir, "follow", waiting).code == 0
    while "error" in (deleted := asked("delete", waiting)):
        assert deleted["error"]["code"] == "job-not-over"  # it is only just being left
    assert deleted == {"id": waiting, "state": "deleted"}
    assert set(ORDERS) == {"pause", "resume", "finish", "cancel", "retry", "first", "star", "unstar", "delete"}


@pytest.mark.parametrize("order", ["follow", *ORDERS])
def test_a_job_that_is_not_there_is_named(office: Office, capsys: pytest.CaptureFixture[str], order: str) -> None:
    for name in ("nothing", "a/../b", "%2e%2e"):
        answer = Asked(capsys, office.data_dir, order, name)
        assert (answer.code, answer.out) == (1, "")
        assert len(answer.err.splitlines()) == 1
    assert json.loads(Asked(capsys, office.data_dir, order, "x", "--json").out)["error"]["code"] == "job-unknown"


def test_an_order_that_makes_no_sense_says_why(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = submit(office)
    Asked(capsys, office.data_dir, "follow", job_id)
    for order in ("pause", "resume", "finish", "retry", "first"):
        answer = Asked(capsys, office.data_dir, order, job_id)
        assert (answer.code, "done" in answer.err) == (1, True)


def test_a_folder_without_a_server_says_what_is_safe_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Asked(capsys, tmp_path, "list")
    assert (answer.code, answer.out) == (1, "")
    assert "right folder" in answer.err
    (tmp_path / "jobs.sqlite").touch()
    answer = Asked(capsys, tmp_path, "list")
    assert "safe" in answer.err
    assert f"serve --data-dir {tmp_path}" in answer.err
    answer = Asked(capsys, tmp_path, "list", "--json")
    assert json.loads(answer.out)["error"]["code"] == "server-not-running"


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"port": "many"}', '"x"', "\0"])
def test_a_damaged_server_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    (tmp_path / "server.json").write_text(damage, encoding="utf-8")
    answer = Asked(capsys, tmp_path, "list", "--json")
    assert json.loads(answer.out)["error"]["code"] == "server-file-unusable"


def test_a_server_that_is_gone_or_another_program_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def code() -> str:
        return str(json.loads(Asked(capsys, tmp_path, "list", "--json").out)["error"]["code"])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        write_server_file(tmp_path, "http", "127.0.0.1", port, TOKEN)

        def answer_like_a_web_server() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")

        stranger = threading.Thread(target=answer_like_a_web_server)
        stranger.start()
        assert code() == "not-our-server"
        stranger.join()
    assert code() == "server-lost"
    said = json.loads((tmp_path / "server.json").read_text(encoding="utf-8"))
    (tmp_path / "server.json").write_text(json.dumps(said | {"api": 99}), encoding="utf-8")
    assert code() == "server-incompatible"


def test_a_job_is_followed_over_a_restart_of_the_server(tmp_path: Path) -> None:
    serve = [sys.executable, "-m", "server", "serve", "--data-dir", str(tmp_path), "--device", "cpu"]

    def start() -> subprocess.Popen[str]:
        server = subprocess.Popen(serve, cwd=ROOT, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        assert server.stderr is not None
        assert server.stderr.readline().startswith("listening")
        return server

    def asked(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "server", "jobs", *arguments, "--data-dir", str(tmp_path), "--json"]

    office = Office.open(tmp_path, TOKEN, ["cpu"])
    job_id = office.store.submit(read_recipe(BRICKS | {"steps": 100_000}))[0].id
    office.store.close()
    server = start()
    follower = subprocess.Popen(asked("follow", job_id), cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert follower.stdout is not None
    try:
        while json.loads(follower.stdout.readline())["event"] != "progress":
            pass
        server.kill()
        server.wait()
        server.stderr.close()  # type: ignore[union-attr]
        server = start()
        while json.loads(follower.stdout.readline())["data"] != {"state": "running"}:
            pass
        subprocess.run(asked("finish", job_id), cwd=ROOT, check=True, capture_output=True)
        assert json.loads(follower.stdout.read().splitlines()[-1])["event"] == "done"
        assert follower.wait(60) == 0
    finally:
        follower.kill()
        follower.wait()
        follower.stdout.close()
        server.terminate()
        server.wait(30)
        server.stderr.close()  # type: ignore[union-attr]


def test_help_imports_neither_torch_nor_the_server() -> None:
    code = (
        "import sys; from server.commands.main import main\n"
        "try: main(['jobs', 'list', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'fastapi', 'uvicorn', 'sqlite3'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=dict(os.environ)
    )
    assert done.stderr.strip() == "[]"
    assert "--data-dir" in done.stdout


def test_comments_between_events_are_no_events() -> None:
    lines = [b": still here\n", b"\n", b"id: 3\r\n", b"event: done\n", b'data: {"report": {}}\n', b"\n"]
    assert [(event.id, event.name, event.is_last) for event in parse(lines)] == [(3, "done", True)]
