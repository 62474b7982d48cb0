"""How all of one Blender's jobs are doing, in one look at the server's queue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .client import Client
from .errors import Problem, read_problem
from .job import read_progress
from .messages import Standing

# A worker has them.
ACTIVE = ("running", "finishing")


def call_roll(client: Client, job_ids: Collection[str], own: Collection[str]) -> tuple[Standing, ...]:
    """The standing of each of these jobs.

    Args:
        own: ids of all jobs of this Blender; every other one is somebody else's.

    Raises:
        Problem: the server is out of reach.
    """
    under_way = list(client.jobs(over=False))
    before = those_before(under_way, own)
    said = {str(job["id"]): job for job in under_way}
    return tuple(
        _standing(job_id, said[job_id] if job_id in said else _ask(client, job_id), *before.get(job_id, (0, 0)))
        for job_id in job_ids
    )


def those_before(under_way: Sequence[Mapping[str, Any]], own: Collection[str]) -> dict[str, tuple[int, int]]:
    """Of each own job that waits, how many are worked on first: of others, and of all that wait.

    Args:
        under_way: jobs that are not over, as the server lists them: newest first.
    """
    oldest_first = list(reversed(under_way))
    waiting = sorted(
        (job for job in oldest_first if job["state"] == "queued"), key=lambda job: -int(job.get("priority", 0))
    )
    others = sum(job["state"] in ACTIVE and job["id"] not in own for job in oldest_first)
    found = {}
    for place, job in enumerate(waiting):
        if job["id"] in own:
            found[str(job["id"])] = (others, place)
        else:
            others += 1
    return found


def _ask(client: Client, job_id: str) -> Mapping[str, Any]:
    """A job that is over, or gone."""
    try:
        return client.job(job_id)
    except Problem as problem:
        if problem.code != "job-unknown":
            raise
    return {"state": "unknown"}


def _standing(job_id: str, said: Mapping[str, Any], others_before: int, place: int) -> Standing:
    progress, error, report = said.get("progress"), said.get("error"), said.get("report")
    return Standing(
        job_id,
        str(said.get("state")),
        read_progress(progress) if progress else None,
        read_problem(error) if error else None,
        report or None,
        said.get("recipe") or {},
        others_before,
        place,
        str(said.get("task", "")),
    )
