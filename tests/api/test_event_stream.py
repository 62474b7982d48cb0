"""Events of a job as a stream: replay, heartbeat, and what leaving or stopping does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from server.api.office import Office
from server.api.serving import Server

Recipe = dict[str, Any]


def events_in(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
def finished_job(client: TestClient, office: Office, bricks: Recipe) -> str:
    job_id: str = client.post("/v1/jobs", json=bricks).json()["id"]
    office.store.claim()
    office.store.append(job_id, "progress", {"phase": "Painting", "fraction": 0.5})
    office.store.append(job_id, "log", {"level": "info", "message": "two\nlines, and ünicode"})
    office.store.end(job_id, "done", report={"steps": 3})
    return job_id


def test_a_job_that_is_over_is_replayed_whole_and_the_stream_ends(client: TestClient, finished_job: str) -> None:
    answer = client.get(f"/v1/jobs/{finished_job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_in(answer.text)
    assert [(number, name) for number, name, _ in events] == [
        (1, "state"),
        (2, "state"),
        (3, "progress"),
        (4, "log"),
        (5, "state"),
        (6, "done"),
    ]
    assert events[3][2]["message"] == "two\nlines, and ünicode"
    assert events[5][2] == {"report": {"steps": 3}}


@pytest.mark.parametrize(("last_seen", "expected"), [("0", [1, 2, 3, 4, 5, 6]), ("4", [5, 6]), ("6", []), ("999", [])])
def test_a_reader_that_comes_back_gets_what_it_missed(
    client: TestClient, finished_job: str, last_seen: str, expected: list[int]
) -> None:
    answer = client.get(f"/v1/jobs/{finished_job}/events", headers={"Last-Event-ID": last_seen})
    assert [number for number, _, _ in events_in(answer.text)] == expected


@pytest.mark.parametrize("last_seen", ["soon", "-1", ""])
def test_a_last_event_id_that_is_no_number_is_refused(client: TestClient, finished_job: str, last_seen: str) -> None:
    answer = client.get(f"/v1/jobs/{finished_job}/events", headers={"Last-Event-ID": last_seen})
    assert answer.status_code == 422


def lines_of(response: httpx.Response) -> Iterator[str]:
    yield from response.iter_lines()


def test_events_arrive_as_they_happen_and_silence_is_filled(
    live: tuple[httpx.Client, Server], office: Office, bricks: Recipe
) -> None:
    client, _ = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        lines = lines_of(response)
        assert next(lines) == "id: 1"
        assert next(line for line in lines if line.startswith(":"))
        office.store.append(job_id, "log", {"level": "info", "message": "now"})
        assert json.loads(next(line for line in lines if line.startswith("data")).partition(" ")[2])["message"] == "now"
        client.post(f"/v1/jobs/{job_id}/cancel")
        rest = "\n".join(lines)  # ends by itself
    assert '"cancelled"' in rest


def test_a_reader_that_leaves_cancels_nothing(
    live: tuple[httpx.Client, Server], office: Office, bricks: Recipe
) -> None:
    client, _ = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        assert next(lines_of(response)) == "id: 1"
    office.store.append(job_id, "log", {"level": "info", "message": "still here"})
    assert client.get(f"/v1/jobs/{job_id}").json()["state"] == "queued"


def test_a_stream_ends_when_its_job_is_deleted(
    live: tuple[httpx.Client, Server], office: Office, bricks: Recipe
) -> None:
    client, _ = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    office.store.end(job_id, "cancelled")
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "1"}) as response:
        client.delete(f"/v1/jobs/{job_id}")
        response.read()


def test_the_server_stops_while_streams_are_open(live: tuple[httpx.Client, Server], bricks: Recipe) -> None:
    client, server = live
    job_id = client.post("/v1/jobs", json=bricks).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        lines = lines_of(response)
        assert next(lines) == "id: 1"
        server.stop()
        assert not [
            line for line in lines if line.startswith("event: done")
        ]  # the stream ends, without an end of the job
