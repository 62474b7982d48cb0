"""The server as a process: how it is found, that it is alone, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.api.serving import FETCHING_S, stop_behind_jobs
from server.jobs.faults import StoreFault
from server.jobs.store import Store
from server.recipe import read_recipe

ROOT = Path(__file__).parents[2]
SERVE = "import sys; from pathlib import Path; from server.api.serving import serve; serve({arguments})"


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 120
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return value


class Process:
    """A server of its own on a data folder."""

    def __init__(self, data_dir: Path, parent_pid: int | None = None, **options: Any) -> None:
        self.data_dir = data_dir
        arguments = f"'127.0.0.1', 0, Path({str(data_dir)!r}), 'cpu', {parent_pid}"
        command = [sys.executable, "-c", SERVE.format(arguments=arguments)]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **options)

    def wait_for_line(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.data_dir / "server.json").read_text(encoding="utf-8"))
        return said

    def client(self) -> httpx.Client:
        said = self.said()
        headers = {"Authorization": f"Bearer {said['token']}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{said['port']}", headers=headers, timeout=20)

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start_one(*arguments: Any, **options: Any) -> Process:
        started.append(Process(*arguments, **options))
        return started[-1]

    yield start_one
    for server in started:
        server.process.kill()
        server.process.wait()
        server.process.stderr.close()


def test_the_server_is_found_by_its_file_and_is_alone_in_its_folder(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    server = start(tmp_path)
    line = server.wait_for_line()
    said = server.said()
    assert line == f"listening on http://127.0.0.1:{said['port']}\n"
    assert said["pid"] == server.process.pid
    assert (said["api"], said["version"]) == (1, "0.1.0")
    assert len(said["token"]) >= 32
    assert stat.S_IMODE((tmp_path / "server.json").stat().st_mode) == 0o600

    second = start(tmp_path)
    assert second.process.wait(30) != 0
    assert f"process id {said['pid']} already uses" in second.process.stderr.read()
    assert server.said() == said
    with server.client() as client:
        assert client.get("/v1/jobs").json() == {"jobs": [], "next": None}


def test_a_server_told_to_end_does_so_with_a_job_running_and_its_stream_open(
    tmp_path: Path, start: Callable[..., Process], bricks: dict[str, Any]
) -> None:
    server = start(tmp_path)
    server.wait_for_line()
    with_map = bricks | {"texture": bricks["texture"] | {"maps": ["height"]}}
    with server.client() as client:
        done, running, queued = (
            client.post("/v1/jobs", json=with_map | {"steps": steps}).json()["id"] for steps in (3, 100_000, 4)
        )
        assert "event: done" in client.get(f"/v1/jobs/{done}/events").text
        for name in ("texture.png", "texture_height.png"):
            assert client.get(f"/v1/jobs/{done}/artifacts/{name}").content.startswith(b"\x89PNG")
        worker = client.get("/v1/capabilities").json()["devices"][0]["pid"]
        with client.stream("GET", f"/v1/jobs/{running}/events") as response:
            lines = response.iter_lines()
            next(line for line in lines if line == "event: progress")
            assert server.end() == 0
            assert 'data: {"state": "queued"}' in list(lines)
    assert not (tmp_path / "server.json").exists()
    assert not is_worker(worker)
    store = Store(tmp_path / "jobs.sqlite", lambda _: None)
    assert [store.get(job_id).state for job_id in (done, running, queued)] == ["done", "queued", "queued"]
    store.close()


def test_a_crashed_server_is_replaced_and_its_jobs_go_on_by_themselves(
    tmp_path: Path, start: Callable[..., Process], bricks: dict[str, Any]
) -> None:
    first = start(tmp_path)
    first.wait_for_line()
    with first.client() as client:
        paused, running, queued = (
            client.post("/v1/jobs", json=bricks | {"steps": steps, "seed": steps}).json()["id"]
            for steps in (99_999, 100_000, 3)
        )
        wait_until(lambda: (client.get(f"/v1/jobs/{paused}").json()["progress"] or {}).get("step"), "its first step")
        client.post(f"/v1/jobs/{paused}/pause")
        wait_until(lambda: client.get(f"/v1/jobs/{paused}").json()["state"] == "paused", "the pause")
        wait_until(lambda: client.get(f"/v1/jobs/{running}").json()["state"] == "running", "the job")
        worker = client.get("/v1/capabilities").json()["devices"][0]["pid"]
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "server.json").exists()

    second = start(tmp_path)
    second.wait_for_line()
    assert second.said()["pid"] == second.process.pid
    with second.client() as client:
        wait_until(lambda: client.get(f"/v1/jobs/{running}").json()["state"] == "running", "the job")
        client.post(f"/v1/jobs/{running}/finish")
        assert "event: done" in client.get(f"/v1/jobs/{queued}/events").text
        still, done = (client.get(f"/v1/jobs/{job_id}").json() for job_id in (paused, running))
        assert (still["state"], done["state"]) == ("paused", "done")
        client.post(f"/v1/jobs/{paused}/resume")
        reached = still["progress"]["step"]

        def is_further() -> bool:
            job = client.get(f"/v1/jobs/{paused}").json()
            return bool(job["state"] == "running" and job["progress"]["step"] > reached)

        wait_until(is_further, "the resumed job")
        client.post(f"/v1/jobs/{paused}/finish")
        assert "event: done" in client.get(f"/v1/jobs/{paused}/events").text
        assert client.get(f"/v1/jobs/{paused}").json()["report"]["steps"] > reached
    wait_until(lambda: not is_worker(worker), "the end of the orphan")


@pytest.mark.parametrize("by", ["SIGKILL", "SIGTERM"])
def test_a_job_that_was_told_to_pause_just_before_the_server_ended_is_paused(
    tmp_path: Path, start: Callable[..., Process], bricks: dict[str, Any], by: str
) -> None:
    first = start(tmp_path)
    first.wait_for_line()
    with first.client() as client:
        job_id = client.post("/v1/jobs", json=bricks | {"steps": 100_000}).json()["id"]
        wait_until(lambda: client.get(f"/v1/jobs/{job_id}").json()["state"] == "running", "the job")
        assert client.post(f"/v1/jobs/{job_id}/pause").status_code == 200
    first.process.send_signal(getattr(signal, by))
    first.process.wait()

    second = start(tmp_path)
    second.wait_for_line()
    with second.client() as client:
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert (job["state"], job["pausing"]) == ("paused", False)


def is_worker(pid: int) -> bool:
    try:
        return b"server.jobs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def test_the_server_ends_with_its_parent(tmp_path: Path) -> None:
    arguments = f"'127.0.0.1', 0, Path({str(tmp_path)!r}), 'cpu', os.getppid()"
    code = "import os; " + SERVE.format(arguments=arguments)
    starter = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {code!r}], stdin=subprocess.DEVNULL)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT, stderr=subprocess.PIPE)
    assert parent.stderr is not None
    assert parent.stderr.readline().startswith(b"listening")
    parent.kill()
    assert parent.stderr.read() == b""  # the server shares this pipe: it ends when the server is gone
    parent.wait()
    assert not (tmp_path / "server.json").exists()


def test_a_server_whose_parent_is_gone_does_its_jobs_before_it_ends(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs.sqlite", lambda job_id: None)
    said = {"kind": "mesh", "prompt": "a duck", "prior": "exact"}
    first, second = (store.submit(read_recipe({**said, "seed": seed}))[0].id for seed in (1, 2))
    store.claim()
    happened: list[str] = []

    def sleep(seconds: float) -> None:
        happened.append(f"slept {seconds:g} s")
        if len(happened) == 1:
            store.end(first, "done", report={})
        elif len(happened) == 2:
            store.end(second, "cancelled")

    stop_behind_jobs(store, lambda: happened.append("stopped"), sleep)
    assert happened == ["slept 1 s", "slept 1 s", f"slept {FETCHING_S:g} s", "stopped"]
    stop_behind_jobs(store, lambda: happened.append("stopped"), sleep)
    assert happened[4:] == ["stopped"]
    store.close()


def test_a_server_whose_list_of_jobs_is_gone_ends_with_its_parent(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    store = Store(folder / "jobs.sqlite", lambda job_id: None)
    shutil.rmtree(folder)
    happened: list[str] = []
    stop_behind_jobs(store, lambda: happened.append("stopped"), lambda seconds: None)
    assert happened == ["stopped"]
    store.close()


def test_a_server_whose_list_is_only_busy_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "jobs.sqlite", lambda job_id: None)
    answers = iter([StoreFault(503, "store-busy", "", ""), StoreFault(507, "disk-full", "", ""), False, False])

    def any_under_way() -> bool:
        answer = next(answers)
        if isinstance(answer, StoreFault):
            raise answer
        return answer

    monkeypatch.setattr(store, "any_under_way", any_under_way)
    happened: list[str] = []
    stop_behind_jobs(store, lambda: happened.append("stopped"), lambda seconds: happened.append(f"{seconds:g} s"))
    assert happened[-1] == "stopped"
    assert len(happened) > 1
    store.close()


def test_the_server_ends_when_its_parent_closes_the_pipe(tmp_path: Path, start: Callable[..., Process]) -> None:
    server = start(tmp_path, os.getpid(), stdin=subprocess.PIPE)
    server.wait_for_line()
    server.process.stdin.close()
    assert server.process.wait(30) == 0
    assert not (tmp_path / "server.json").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whatever_tells_the_server_to_end_it_ends_in_order(
    tmp_path: Path, start: Callable[..., Process], name: str
) -> None:
    server = start(tmp_path)
    server.wait_for_line()
    server.process.send_signal(getattr(signal, name))
    assert server.process.wait(30) == 0
    assert server.process.stderr.read() == ""
    assert not (tmp_path / "server.json").exists()


def test_a_data_folder_that_was_there_is_the_persons_alone_once_it_is_used(
    tmp_path: Path, start: Callable[..., Process]
) -> None:
    tmp_path.chmod(0o755)
    server = start(tmp_path)
    server.wait_for_line()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "jobs.sqlite").stat().st_mode) == 0o600


def test_the_http_process_never_imports_torch() -> None:
    code = (
        "import sys, server.api.app, server.api.serving, server.priors.pretrained.finding\n"
        "from server.priors.catalogue import check_prompt\n"
        "check_prompt('exact', 'red bricks', 'texture')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
