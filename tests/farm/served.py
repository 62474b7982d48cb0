"""A server whose workers are on a cluster, or here, as a process; and what its jobs made."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.jobs.chaos.kills import MESH, TEXTURE

ROOT = Path(__file__).parents[2]
# A busy computer takes minutes to import torch.
PATIENCE_S = 600.0
# Shorter still, and one that lasts.
SHORT_MESH = MESH | {"steps": 6, "mesh": {"resolution": 32, "faces": 500, "texture_size": 64}}
SHORT_TEXTURE = TEXTURE | {"steps": 20}
LONG_TEXTURE = TEXTURE | {"steps": 200}


class Served:
    """Asks a server over HTTP."""

    def __init__(self, data_dir: Path, process: subprocess.Popen[bytes]) -> None:
        self.data_dir, self.process = data_dir, process
        self.client: httpx.Client = wait_for(self._connect, "the server")

    def _connect(self) -> httpx.Client | None:
        assert self.process.poll() is None, "the server ended"
        with contextlib.suppress(OSError, ValueError, httpx.HTTPError):
            said = json.loads((self.data_dir / "server.json").read_text(encoding="utf-8"))
            headers = {"Authorization": f"Bearer {said['token']}"}
            client = httpx.Client(
                base_url=f"http://127.0.0.1:{said['port']}", headers=headers, timeout=60, trust_env=False
            )
            client.get("/v1/hello").raise_for_status()
            return client
        return None

    def submit(self, recipe: Mapping[str, Any], **changes: Any) -> str:
        answer = self.client.post("/v1/jobs", json={**recipe, **changes, "anew": True})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def order(self, order: str, job_id: str) -> None:
        self.client.post(f"/v1/jobs/{job_id}/{order}").raise_for_status()

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.client.get(f"/v1/jobs/{job_id}").json()
        return job

    def devices(self) -> list[dict[str, Any]]:
        devices: list[dict[str, Any]] = self.client.get("/v1/capabilities").json()["devices"]
        return devices

    def until(self, job_id: str, *states: str) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            job = self.job(job_id)
            assert job["state"] != "failed" or "failed" in states, job["error"]
            return job if job["state"] in states else None

        ended: dict[str, Any] = wait_for(there, f"job {job_id} to be {states}; devices: {self.devices()}")
        return ended

    def until_step(self, job_id: str, step: int) -> None:
        wait_for(lambda: (self.job(job_id)["progress"] or {"step": 0})["step"] >= step, f"step {step} of {job_id}")

    def until_all_are(self, state: str) -> list[dict[str, Any]]:
        """The devices, once each of them is so."""

        def there() -> list[dict[str, Any]] | None:
            devices = self.devices()
            return devices if all(device["state"] == state for device in devices) else None

        found: list[dict[str, Any]] = wait_for(there, f"workers to be {state}; devices: {self.devices()}")
        return found

    def busy(self) -> dict[str, Any]:
        """The device that has a job."""
        return next(device for device in self.devices() if device["state"] == "busy")

    def first(self, job_id: str, event: str) -> dict[str, Any]:
        """What the first such event of a job tells, as soon as it is there."""
        with self.client.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
            name = ""
            for line in answer.iter_lines():
                name = line.removeprefix("event: ") if line.startswith("event: ") else name
                if name == event and line.startswith("data: "):
                    data: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return data
        raise AssertionError(f"{job_id} ended without {event}")


def refused(data_dir: Path, options: list[str], environment: Mapping[str, str]) -> str:
    """What a server says that ends by itself."""
    assert start(data_dir, options, environment).wait(PATIENCE_S) == 1
    return (data_dir.parent / "server.log").read_text(encoding="utf-8").strip()


def start(data_dir: Path, options: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server", "serve", "--data-dir", str(data_dir), *options]
    with (data_dir.parent / "server.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def served(data_dir: Path, options: list[str], environment: Mapping[str, str]) -> Iterator[Served]:
    """A server that is asked to end at the end."""
    process = start(data_dir, options, environment)
    try:
        yield Served(data_dir, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
    return value
