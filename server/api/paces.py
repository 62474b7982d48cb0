"""How long a denoiser call took on this machine, with everything around it, by the jobs that were done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.jobs.store import Job
from server.recipe import GuidanceRecipe

# So many jobs are looked at, newest first.
MOST_JOBS = 200
_USUAL: dict[str, Any] = GuidanceRecipe().model_dump(mode="json")


def seconds_per_call(jobs: Iterable[Job]) -> dict[str, dict[str, float]]:
    """{prior: {kind: seconds}} of the newest job of each that was done with the prior's own guidance: another rule
    spends its time elsewhere.

    Args:
        jobs: newest first.
    """
    found: dict[str, dict[str, float]] = {}
    for job in jobs:
        if job.state != "done" or not job.report or job.recipe.get("guidance") != _USUAL:
            continue
        seconds, calls = job.report.get("seconds"), job.report.get("denoiser_calls")
        if seconds and calls:
            found.setdefault(job.recipe["prior"], {}).setdefault(job.recipe["kind"], seconds / calls)
    return found
