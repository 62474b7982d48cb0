"""Several programs use one server; the end of the one that started it is not the end of the others' jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.api.test_server_process import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    """Some program that runs until it is told."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_lease_ends_when_it_is_given_back_or_with_its_process(
    client: TestClient, program: subprocess.Popen[bytes]
) -> None:
    for pid in (os.getpid(), program.pid, program.pid):
        held = client.put(f"/v1/leases/{pid}").json()
    assert [lease["pid"] for lease in held["leases"]] == [os.getpid(), program.pid]
    program.kill()
    program.wait()
    assert [lease["pid"] for lease in client.get("/v1/leases").json()["leases"]] == [os.getpid()]
    for _ in range(2):
        assert client.delete(f"/v1/leases/{os.getpid()}").json() == {"leases": []}


def test_a_process_that_is_not_there_holds_nothing(client: TestClient, program: subprocess.Popen[bytes]) -> None:
    program.kill()
    program.wait()
    answer = client.put(f"/v1/leases/{program.pid}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "process-unknown")
    for pid in ("0", "-1", "x", "2147483648"):
        assert client.put(f"/v1/leases/{pid}").status_code == 422


def test_the_first_programs_end_stops_neither_the_seconds_server_nor_its_job(
    tmp_path: Path, program: subprocess.Popen[bytes], bricks: dict[str, Any]
) -> None:
    command = [sys.executable, "-m", "server", "serve", "--data-dir", str(tmp_path), "--device", "cpu"]
    command += ["--parent-pid", str(program.pid)]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        assert server.stderr is not None
        assert server.stderr.readline().startswith(b"listening")
        said = json.loads((tmp_path / "server.json").read_text(encoding="utf-8"))
        headers = {"Authorization": f"Bearer {said['token']}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{said['port']}", headers=headers, timeout=60) as client:
            client.put(f"/v1/leases/{os.getpid()}")
            program.kill()
            program.wait()
            wait_until(lambda: len(client.get("/v1/leases").json()["leases"]) == 1, "the end of the first")
            job_id = client.post("/v1/jobs", json=bricks).json()["id"]
            # The last one leaves while its job is at work: the server ends after it.
            assert client.delete(f"/v1/leases/{os.getpid()}").json() == {"leases": []}
            assert "event: done" in client.get(f"/v1/jobs/{job_id}/events").text
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
        server.stderr.close()
    assert not (tmp_path / "server.json").exists()
