"""What can be asked of jobs over HTTP while a real worker makes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from server.api.limits import MOST_QUEUED, MOST_SEEDS
from server.api.office import Office
from server.jobs.artifacts import job_folder
from tests.api.conftest import BRICKS, TOKEN, served

Recipe = dict[str, Any]
ENDLESS = 100_000


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Office]]:
    """A server whose worker works."""
    office = Office.open(tmp_path_factory.mktemp("working"), TOKEN, ["cpu"], heartbeat_s=0.05)
    office.queue.start()
    with served(office) as (client, _):
        yield client, office
    office.store.close()


def until(client: httpx.Client, job_id: str, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while not condition(job := client.get(f"/v1/jobs/{job_id}").json()):
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    return dict(job)


def submitted(client: httpx.Client, recipe: Recipe) -> str:
    return str(client.post("/v1/jobs", json=recipe).json()["id"])


def test_a_cancelled_job_is_retried_and_goes_on_from_what_was_kept(
    working: tuple[httpx.Client, Office], bricks: Recipe
) -> None:
    client, _ = working
    job_id = submitted(client, bricks | {"steps": ENDLESS, "seed": 11})
    until(client, job_id, lambda job: job["state"] == "running" and job["progress"] and job["progress"]["step"] > 20)
    client.post(f"/v1/jobs/{job_id}/pause")
    kept = until(client, job_id, lambda job: job["state"] == "paused")["progress"]["step"]
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/v1/jobs/{job_id}/retry").json()["state"] in ("queued", "running")
    until(client, job_id, lambda job: job["state"] == "running" and job["progress"]["step"] > kept)
    client.post(f"/v1/jobs/{job_id}/finish")
    job = until(client, job_id, lambda job: job["state"] == "done")
    assert (job["attempts"], job["error"]) == (2, None)
    assert job["report"]["steps"] > kept
    refused = client.post(f"/v1/jobs/{job_id}/retry")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "wrong-state")


def test_the_job_that_was_put_first_is_made_first_and_equals_are_made_in_their_order(
    working: tuple[httpx.Client, Office], bricks: Recipe
) -> None:
    client, _ = working
    running = submitted(client, bricks | {"steps": ENDLESS, "seed": 12})
    until(client, running, lambda job: job["state"] == "running")
    made = client.post("/v1/batches", json={"recipe": bricks, "seeds": [21, 22, 23]}).json()["jobs"]
    first, second, third = (job["id"] for job in made)
    assert client.post(f"/v1/jobs/{third}/first").json()["priority"] == 1
    client.post(f"/v1/jobs/{running}/cancel")
    ended = [until(client, job_id, lambda job: job["state"] == "done") for job_id in (third, first, second)]
    assert [job["started"] for job in ended] == sorted(job["started"] for job in ended)
    assert client.post(f"/v1/jobs/{third}/first").status_code == 409


def test_a_deleted_job_is_gone_with_its_files(working: tuple[httpx.Client, Office], bricks: Recipe) -> None:
    client, office = working
    job_id = submitted(client, bricks | {"seed": 31})
    until(client, job_id, lambda job: job["state"] == "done")
    folder = job_folder(office.data_dir, job_id)
    assert folder.is_dir()

    def deleted() -> int:
        return client.delete(f"/v1/jobs/{job_id}").status_code

    deadline = time.monotonic() + 20
    while (status := deleted()) == 409 and time.monotonic() < deadline:
        time.sleep(0.05)  # it is only just being left
    assert status == 204
    assert not folder.exists()
    assert client.get(f"/v1/jobs/{job_id}").status_code == 404
    assert deleted() == 404


def test_several_seeds_are_one_request_and_a_job_each(client: TestClient, bricks: Recipe) -> None:
    asked = {"recipe": bricks, "seeds": [7, 0, 3]}
    answer = client.post("/v1/batches", json=asked, headers={"Idempotency-Key": "k"})
    jobs = answer.json()["jobs"]
    assert answer.status_code == 201
    assert [job["recipe"]["seed"] for job in jobs] == [7, 0, 3]
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == [job["id"] for job in jobs][::-1]

    again = client.post("/v1/batches", json=asked, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["jobs"]) == (200, jobs)
    for other in (asked | {"seeds": [7, 0]}, asked | {"seeds": [7, 0, 3, 4]}, asked | {"seeds": [0, 7, 3]}):
        refused = client.post("/v1/batches", json=other, headers={"Idempotency-Key": "k"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency-key-reused")
    # Keys that only begin alike are other keys.
    assert client.post("/v1/batches", json=asked, headers={"Idempotency-Key": "k1"}).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": []},
        {"seeds": list(range(MOST_SEEDS + 1))},
        {"seeds": [1, 1]},
        {"seeds": [1, 1.0]},
        {"seeds": [1, -1]},
        {"seeds": ["1"]},
        {"seeds": [None]},
        {"seeds": [[1]]},
        {"seeds": 3},
        {"seeds": None},
        {"recipe": []},
        {"recipe": {}},
        {"recipe": BRICKS | {"seed": -1}},
        {"recipe": BRICKS | {"prompt": "an elephant"}},
        {"more": 1},
    ],
)
def test_a_batch_that_cannot_be_made_makes_no_job(client: TestClient, bricks: Recipe, change: Recipe) -> None:
    answer = client.post("/v1/batches", json={"recipe": bricks, "seeds": [1]} | change)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] in ("request-invalid", "recipe-invalid", "prompt-unreadable")
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_batch_that_does_not_fit_into_the_queue_makes_no_job(
    client: TestClient, office: Office, bricks: Recipe
) -> None:
    seeds = list(range(MOST_SEEDS))
    for _ in range(MOST_QUEUED // MOST_SEEDS - 1):
        assert client.post("/v1/batches", json={"recipe": bricks, "seeds": seeds}).status_code == 201
    assert client.post("/v1/jobs", json=bricks).status_code == 201
    refused = client.post("/v1/batches", json={"recipe": bricks, "seeds": seeds})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue-full")
    assert len(office.store.in_states(["queued"])) == MOST_QUEUED - MOST_SEEDS + 1
    assert client.post("/v1/batches", json={"recipe": bricks, "seeds": seeds[1:]}).status_code == 201


def test_a_job_is_starred_and_unstarred(client: TestClient, bricks: Recipe) -> None:
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    assert client.put(f"/v1/jobs/{job_id}/star").json()["starred"] is True
    assert client.put(f"/v1/jobs/{job_id}/star").json()["starred"] is True
    assert client.delete(f"/v1/jobs/{job_id}/star").json()["starred"] is False
    assert client.put("/v1/jobs/nothing/star").status_code == 404
