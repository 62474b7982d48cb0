"""The server's log: what happened to which job, for people who look for a reason; no secrets in it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.api import log
from server.api.log import MOST_LINE, last_lines, written_log
from server.api.office import Office
from tests.api.conftest import TOKEN

LOGGER = logging.getLogger("server.api.test")


def lines(client: TestClient, **asked: Any) -> list[str]:
    answer = client.get("/v1/log", params=asked)
    assert answer.status_code == 200, answer.text
    return [str(line) for line in answer.json()["lines"]]


def test_the_log_tells_what_happened_to_which_job_and_neither_prompt_nor_token(
    client: TestClient, office: Office, bricks: dict[str, Any]
) -> None:
    with written_log(office.data_dir, TOKEN):
        job_id = client.post("/v1/jobs", json=bricks).json()["id"]
        office.store.claim()
        error = {"code": "memory-full", "headline": "x", "detail": "the red bricks were too many", "next": ""}
        office.store.end(job_id, "failed", error=error)
        client.post(f"/v1/jobs/{job_id}/retry")
        client.post(f"/v1/jobs/{job_id}/cancel")
        LOGGER.info("somebody said %s", TOKEN)
    found = lines(client)
    said = [line.split(f"job={job_id} ")[1] for line in found if job_id in line]
    assert said == ["queued", "running", "failed", "because of memory-full", "queued", "cancelled"]
    written = (office.data_dir / "logs" / log.NAME).read_text(encoding="utf-8")
    assert found == written.splitlines()
    assert TOKEN not in written
    assert "bricks" not in written


def test_the_newest_lines_come_first_page_by_page(client: TestClient, office: Office) -> None:
    assert client.get("/v1/log").json() == {"lines": [], "next": None}
    with written_log(office.data_dir, TOKEN):
        for number in range(25):
            LOGGER.info("line %d", number)
    pages, skip = [], "0"
    while skip is not None:
        answer = client.get("/v1/log", params={"limit": 10, "skip": skip}).json()
        pages.append([int(line.rsplit(" ", 1)[1]) for line in answer["lines"]])
        skip = answer["next"]
    assert pages == [list(range(15, 25)), list(range(5, 15)), list(range(5))]
    assert lines(client, skip=1000) == []
    for wrong in ({"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"skip": -1}, {"skip": 10**7}):
        assert client.get("/v1/log", params=wrong).status_code == 422
    assert client.get("/v1/log", headers={"Authorization": "Bearer no"}).status_code == 401


def test_the_log_does_not_grow_for_ever_and_is_read_over_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 2000)
    with written_log(tmp_path, TOKEN):
        for number in range(500):
            LOGGER.info("line %d", number)
    files = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert files == ["server.log", "server.log.1", "server.log.2", "server.log.3"]
    assert all(path.stat().st_size <= 2000 for path in (tmp_path / "logs").iterdir())
    found, are_more = last_lines(tmp_path, 60, 0)
    assert [int(line.rsplit(" ", 1)[1]) for line in found] == list(range(440, 500))
    assert are_more


def test_a_line_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    with written_log(tmp_path, TOKEN):
        LOGGER.info("one\ntwo %s", "x" * 10_000)
    (line,), _ = last_lines(tmp_path, 10, 0)
    assert "one two" in line
    assert len(line) == MOST_LINE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full")
def test_a_log_that_cannot_be_written_harms_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / log.NAME).symlink_to("/dev/full")
    with written_log(tmp_path, TOKEN):
        LOGGER.info("into nothing")
    assert capsys.readouterr().err == ""
