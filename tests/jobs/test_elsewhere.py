"""A worker on another machine, behind a process of this one that speaks for it; here that is a few lines of Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.jobs.deaths import MOST_LOSSES
from server.jobs.post import Post
from tests.jobs.conftest import Office, build

SPEAKS = """
import pathlib, sys, time
log = pathlib.Path(sys.argv[1])
while not log.exists():
    print('{"answer": "waiting", "why": "It waits for a free graphics card."}', flush=True)
    time.sleep(0.05)
facts = '{"device": "cuda", "node": "render2 (10.0.0.2)"}'
print('{"answer": "ready", "facts": %s, "memory": {}, "others": []}' % facts, flush=True)
sys.stdin.readline()
print('{"answer": "gone", "how": "was lost with its node render2", "words": "", "lost": true}', flush=True)
"""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Its worker waits until there is its log, and loses its node with every job."""
    (tmp_path / "speaks_for_one.py").write_text(SPEAKS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Office(tmp_path, (), elsewhere=[Post("ray:0", "cuda", ("speaks_for_one",), is_elsewhere=True)])
    yield made
    made.close()


def test_a_worker_that_waits_for_its_place_says_so_and_is_not_down(office: Office) -> None:
    office.wait_for(lambda: office.queue.devices()[0]["problem"] == "It waits for a free graphics card.", "the reason")
    assert office.queue.devices()[0]["state"] == "starting"
    (office.data_dir / "logs" / "worker-0.log").touch()
    office.wait_for(lambda: office.queue.devices()[0]["state"] == "idle", "the worker")
    assert office.queue.devices()[0]["node"] == "render2 (10.0.0.2)"
    assert office.queue.devices()[0]["problem"] == ""


def test_a_job_that_loses_its_node_is_queued_again_with_the_reason_and_not_for_ever(office: Office) -> None:
    (office.data_dir / "logs" / "worker-0.log").touch()
    job_id = office.submit(build())
    failed = office.wait_for_state(job_id, "failed")
    assert failed.attempts == MOST_LOSSES
    assert failed.error["code"] == "worker-died"
    assert "was lost with its node render2 while this job ran" in failed.error["detail"]


BUSY = """
import sys
print('{"answer": "ready", "facts": {"device": "cpu"}, "memory": {}, "others": []}', flush=True)
for line in sys.stdin:
    pass
"""


def test_a_device_that_cannot_start_leaves_what_waits_to_those_that_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "is_busy.py").write_text(BUSY, encoding="utf-8")
    (tmp_path / "is_broken.py").write_text("raise SystemExit('It has no card.')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("server.jobs.supervisor.TRY_AGAIN_S", 0.0)
    posts = [Post("good", "cpu", ("is_busy",)), Post("broken", "cpu", ("is_broken",))]
    with closing(Office(tmp_path, (), elsewhere=posts)) as office:
        office.wait_for(lambda: office.queue.devices()[1]["state"] == "down", "the broken one")
        first = office.submit(build(seed=1))
        office.wait_for_state(first, "running")
        waiting = [office.submit(build(seed=seed)) for seed in (2, 3)]
        log = tmp_path / "logs" / "worker-1.log"
        began = log.stat().st_size
        office.wait_for(lambda: log.stat().st_size > began, "another try of the broken one")
        office.wait_for(lambda: office.queue.devices()[1]["state"] == "down", "its end")
        assert [office.store.get(job_id).state for job_id in waiting] == ["queued", "queued"]
