"""What becomes of a job whose run was cut off: it is run again, but not for ever."""

from __future__ import annotations

import json
from typing import Any

from server.jobs.job import Job
from server.jobs.outbox import Ending

RETRY = "Look at the reason; then retry the job: it goes on from where it was."


def after_death(
    job: Job, deaths: list[dict[str, Any]], cause: str, problem: dict[str, str], forgives_progress: bool = False
) -> Ending:
    """How the run ended: "queued" to go on, or "failed" at the second death of the same cause.

    Args:
        deaths: earlier ones, each with its "cause" and the step "reached".
        problem: as `Problem.as_json`.
        forgives_progress: the same cause counts only when the job came no further since. So it is with the death of the
            server, which need not be the job's doing; that of a worker mostly is.
    """
    reached = (job.progress or {}).get("fraction", 0.0)
    same = [death for death in deaths if death["cause"] == cause]
    if same and not (forgives_progress and reached > same[-1]["reached"]):
        error = {**problem, "detail": f"{problem['detail']} It was the second time.", "next": RETRY}
        return Ending("failed", error=error)
    remembered = json.dumps([*deaths, {"cause": cause, "reached": reached}])
    goes_on = "The job is paused." if job.pausing else "The job goes on by itself."
    return Ending("queued", note=f"{problem['detail']} {goes_on}", death=remembered)
