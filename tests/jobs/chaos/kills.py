"""Kills a server or its worker in the middle of jobs, again and again, and looks whether every job ends well by itself.

`python -m tests.jobs.chaos.kills 100` (`make chaos`) prints a table; `test_chaos.py` does the same with fewer.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from safetensors.numpy import load_file

from server.studio.kept_names import STATE

ROOT = Path(__file__).parents[3]
SERVE = "from pathlib import Path; from server.api.serving import serve; serve('127.0.0.1', 0, Path({!r}), 'cpu')"
# Short, with phases that are long enough to be met.
MESH: dict[str, Any] = {
    "kind": "mesh",
    "prompt": "a red cube",
    "prior": "exact",
    "steps": 12,
    "render_size": 16,
    "guidance": {"stop_threshold": 0.0},
    "mesh": {"resolution": 64, "faces": 2000, "texture_size": 256},
}
TEXTURE: dict[str, Any] = {
    "kind": "texture",
    "prompt": "red bricks",
    "prior": "exact",
    "steps": 60,
    "render_size": 16,
    "guidance": {"stop_threshold": 0.0},
    "texture": {"width": 64, "height": 64},
}
MESH_PHASES = ("Loading", "Shaping", "Surface", "Clean-up", "Reduce", "Colour", "Unwrap", "Bake", "Saving")
TEXTURE_PHASES = ("Loading", "Painting", "Saving")
PATIENCE_S = 240.0


@dataclass(frozen=True)
class Kill:
    """Whom ("server" or "worker") by which signal, in which phase of a job of which recipe."""

    whom: str
    by: str
    phase: str
    kind: str


@dataclass(frozen=True)
class Survived:
    kill: Kill
    met: str  # the state or phase that the job was seen in at the kill
    attempts: int
    seconds: float


def plan(count: int, seed: int = 0) -> list[Kill]:
    """Every phase, signal and victim before any of them again; `count` of them."""
    moments = [("mesh", phase) for phase in MESH_PHASES] + [("texture", phase) for phase in TEXTURE_PHASES]
    victims = list(itertools.product(("server", "worker"), ("KILL", "TERM", "STOP")))
    shuffled = random.Random(seed)
    chosen: list[Kill] = []
    while len(chosen) < count:
        shuffled.shuffle(moments)
        shuffled.shuffle(victims)
        for i, (kind, phase) in enumerate(moments):
            whom, by = victims[i % len(victims)]
            chosen.append(Kill(whom, by, phase, kind))
    return chosen[:count]


class Server:
    """A server on a data folder, which can be killed and started again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-c", SERVE.format(str(self.data_dir))]
        with (self.data_dir.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdin=subprocess.DEVNULL)
        self.client: httpx.Client = wait_for(self._connect, "the server")

    def _connect(self) -> httpx.Client | None:
        with contextlib.suppress(OSError, ValueError, httpx.HTTPError):
            said = json.loads((self.data_dir / "server.json").read_text(encoding="utf-8"))
            if said["pid"] == self.process.pid:
                headers = {"Authorization": f"Bearer {said['token']}"}
                url = f"http://127.0.0.1:{said['port']}"
                client = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
                client.get("/v1/hello").raise_for_status()
                return client
        return None

    def submit(self, recipe: dict[str, Any]) -> str:
        # What was made before would not be killed.
        answer = self.client.post("/v1/jobs", json=recipe | {"anew": True})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.client.get(f"/v1/jobs/{job_id}").json()
        return job

    def until_over(self, job_id: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["state"] in ("done", "failed", "cancelled") else None

        ended: dict[str, Any] = wait_for(over, f"the end of {job_id}")
        return ended

    def worker_pid(self) -> int:
        def pid() -> int | None:
            found: int | None = self.client.get("/v1/capabilities").json()["devices"][0].get("pid")
            return found

        return int(wait_for(pid, "the worker"))

    def suffer(self, kill: Kill) -> None:
        number = getattr(signal, f"SIG{kill.by}")
        if kill.whom == "worker":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker_pid(), number)
            return
        self.process.send_signal(number)
        if kill.by == "STOP":
            time.sleep(0.3)
            self.process.send_signal(signal.SIGCONT)
            return
        self.end()
        self.start()

    def end(self) -> None:
        self.process.wait(60)
        self.client.close()

    def stop(self) -> None:
        self.process.terminate()
        self.end()


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return value


def run(kills: list[Kill], folder: Path) -> Iterator[Survived]:
    """Do the kills, each in a job of its own.

    Raises:
        AssertionError: a job did not end well by itself, or not as without a kill, or something was lost.
    """
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    server = Server(data_dir)
    recipes = {"mesh": MESH, "texture": TEXTURE}
    jobs = {kind: server.submit(recipes[kind]) for kind in dict.fromkeys(kill.kind for kill in kills)}
    for job_id in jobs.values():
        server.until_over(job_id)
    truth = {kind: result_of(data_dir, job_id) for kind, job_id in jobs.items()}
    everything = list(jobs.items())
    try:
        for kill in kills:
            since = time.monotonic()
            job_id = server.submit(recipes[kill.kind])
            met = wait_for(lambda job_id=job_id, kill=kill: met_at(server.job(job_id), kill), f"{kill}")
            server.suffer(kill)
            job = server.until_over(job_id)
            assert job["state"] == "done", f"{kill}: {job['error']}"
            assert same(result_of(data_dir, job_id), truth[kill.kind]), f"{kill}: another result"
            everything.append((kill.kind, job_id))
            yield Survived(kill, met, job["attempts"], time.monotonic() - since)
        for kind, job_id in everything:
            assert server.job(job_id)["state"] == "done"
            assert same(result_of(data_dir, job_id), truth[kind]), f"the result of {job_id} was lost"
        worker = server.worker_pid()
    finally:
        server.stop()
    assert not (data_dir / "server.json").exists()
    assert not Path(f"/proc/{worker}").exists()
    with contextlib.closing(sqlite3.connect(data_dir / "jobs.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def met_at(job: dict[str, Any], kill: Kill) -> str:
    """The phase that the job is in, once it has come to that of the kill; a job that ran past it is met where it is."""
    phases = MESH_PHASES if kill.kind == "mesh" else TEXTURE_PHASES
    if job["state"] in ("done", "failed", "cancelled"):
        return str(job["state"])
    phase = (job["progress"] or {}).get("phase")
    return phase if phase in phases[phases.index(kill.phase) :] else "Done" if phase == "Done" else ""


def result_of(data_dir: Path, job_id: str) -> dict[str, Any]:
    """What a job made, without what time does to it."""
    folder = data_dir / "jobs" / job_id
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    made: dict[str, Any] = {"report": {name: report[name] for name in report if name not in ("seconds", "phases")}}
    for name in report["artifacts"]:
        if name.endswith(".npz"):
            with np.load(folder / name, allow_pickle=False) as arrays:
                made |= {f"{name}/{part}": arrays[part] for part in arrays.files}
        elif name == STATE:  # it also says how long the run took
            made |= {f"{name}/{part}": tensor for part, tensor in load_file(folder / name).items()}
        elif name != "report.json":
            made[name] = (folder / name).read_bytes()
    return made


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def main() -> None:
    kills = plan(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    print(f"{'victim':8}{'by':6}{'asked for':18}{'met':12}{'attempts':>9}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for it in run(kills, Path(folder)):
            asked_for = f"{it.kill.kind} {it.kill.phase}"
            print(
                f"{it.kill.whom:8}{it.kill.by:6}{asked_for:18}{it.met:12}{it.attempts:9}{it.seconds:9.1f}", flush=True
            )
    print(f"{len(kills)} kills: every job done by itself, results as without a kill, the list of jobs whole.")


if __name__ == "__main__":
    main()
