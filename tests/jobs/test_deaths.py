"""After how many deaths a job is given up."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from server.jobs.deaths import LOST, MOST_LOSSES, after_death
from server.jobs.job import Job
from server.jobs.store import Store
from tests.jobs.conftest import build

PROBLEM = {"code": "worker-died", "headline": "Worker died", "detail": "It died.", "next": ""}


def ends(job: Job, cause: str, reached: list[float], forgives: bool) -> list[str]:
    """What becomes of the job at each of these deaths."""
    deaths: list[dict[str, Any]] = []
    states = []
    for fraction in reached:
        job = replace(job, progress={"fraction": fraction})
        ending = after_death(job, deaths, cause, PROBLEM, forgives)
        states.append(str(ending.state))
        deaths = json.loads(ending.death) if ending.death else deaths
    return states


def test_a_worker_that_dies_twice_for_the_same_reason_ends_its_job(store: Store) -> None:
    job, _ = store.submit(build())
    assert ends(job, "ended with exit code 1", [0.1, 0.9], False) == ["queued", "failed"]


def test_a_server_that_dies_ends_a_job_only_when_that_got_no_further(store: Store) -> None:
    job, _ = store.submit(build())
    assert ends(job, "server", [0.1, 0.2, 0.3, 0.3], True) == ["queued", "queued", "queued", "failed"]


def test_the_loss_of_nodes_is_held_against_a_job_only_at_the_fifth_without_progress(store: Store) -> None:
    job, _ = store.submit(build())
    stuck = [0.5] * MOST_LOSSES
    assert ends(job, LOST, stuck, True) == ["queued"] * (MOST_LOSSES - 1) + ["failed"]
    assert set(ends(job, LOST, [number / 10 for number in range(10)], True)) == {"queued"}
