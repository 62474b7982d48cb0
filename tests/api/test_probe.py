"""Whether the server is there and the token right is told at once, whatever its disks do; models are told later."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from server.api.app import build_app
from server.api.office import Office
from tests.priors.slow_folder import release, write_slow_model

ROOT = Path(__file__).parents[2]


def test_who_shows_the_token_is_told_that_it_is_right(client: TestClient) -> None:
    assert client.get("/v1/hello").json() == {"name": "blender-msd", "version": "0.1.0", "api": 1}


@pytest.mark.parametrize("header", ["", "Bearer wrong"])
def test_who_does_not_is_told_that_it_is_wrong(client: TestClient, header: str) -> None:
    answer = client.get("/v1/hello", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token-wrong")


def test_telling_so_looks_at_no_model(office: Office, client: TestClient) -> None:
    for path in ("/v1/hello", "/v1/health"):
        assert client.get(path).status_code == 200
    assert "priors" not in vars(office)


def test_capabilities_say_what_is_known_when_it_was_taken_and_whether_more_will_come(
    office: Office, client: TestClient, tmp_path: Path
) -> None:
    slow = write_slow_model(tmp_path / "models" / "slow")
    office = replace(office, prior_folders=(slow.parent,))
    client = TestClient(build_app(office), base_url="http://127.0.0.1", headers=client.headers)
    # Each of them would hold a thread of the server, of which there are forty.
    for _ in range(50):
        said = client.get("/v1/capabilities?refresh=true").json()
        assert (said["priors_taken"], said["priors_refreshing"]) == (None, True)
        assert [prior["name"] for prior in said["priors"][:2]] == ["embedded", "exact"]
    release(slow)
    ends = time.monotonic() + 60
    while said["priors_refreshing"]:
        assert time.monotonic() < ends
        said = client.get("/v1/capabilities").json()
    assert abs(said["priors_taken"] - time.time()) < 3600
    assert said["priors"][-1]["title"] == "slow"
    office.priors.stop()


def test_a_wish_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/capabilities?refresh=perhaps")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request-invalid")


def test_a_server_whose_disk_hangs_answers_and_ends_when_it_is_told(tmp_path: Path) -> None:
    slow = write_slow_model(tmp_path / "models" / "slow")
    command = [sys.executable, "-m", "server", "serve", "--data-dir", str(tmp_path / "data"), "--device", "cpu"]
    process = subprocess.Popen([*command, "--folder", str(slow.parent)], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"listening")
        said = json.loads((tmp_path / "data" / "server.json").read_text(encoding="utf-8"))
        headers = {"Authorization": f"Bearer {said['token']}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{said['port']}", headers=headers, timeout=60) as client:
            assert client.get("/v1/hello").status_code == 200
            assert client.get("/v1/capabilities").json()["priors_refreshing"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
