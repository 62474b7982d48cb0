"""What becomes of a job whose run was cut off: it is run again, but not for ever."""

from __future__ import annotations

import json
from typing import Any

from server.jobs.job import Job
from server.jobs.outbox import Ending

RETRY = "Look at the reason; then retry the job: it goes on from where it was."
# The cause of a death that came with the loss of a node. A job can hardly do that to a computer, and computers of a
# farm are switched off as people like; one that does take them down, one after the other, has to end, too.
LOST = "node-lost"
MOST_LOSSES = 5


def after_death(
    job: Job, deaths: list[dict[str, Any]], cause: str, problem: dict[str, str], forgives_progress: bool = False
) -> Ending:
    """How the run ended: "queued" to go on, or "failed" at the second death of the same cause; at the fifth that was
    LOST.

    Args:
        deaths: earlier ones, each with its "cause" and the step "reached".
        problem: as `Problem.as_json`.
        forgives_progress: the same cause counts only when the job came no further since. So it is with the death of the
            server and the loss of a node, which need not be the job's doing; the death of a worker mostly is.
    """
    reached = (job.progress or {}).get("fraction", 0.0)
    same = [death for death in deaths if death["cause"] == cause]
    counted = [death for death in same if not forgives_progress or reached <= death["reached"]]
    most = MOST_LOSSES if cause == LOST else 2
    if len(counted) + 1 >= most:
        times = "the second time" if most == 2 else f"time number {most} without getting any further"
        error = {**problem, "detail": f"{problem['detail']} It was {times}.", "next": RETRY}
        return Ending("failed", error=error)
    remembered = json.dumps([*deaths, {"cause": cause, "reached": reached}])
    goes_on = "The job is paused." if job.pausing else "The job goes on by itself."
    return Ending("queued", note=f"{problem['detail']} {goes_on}", death=remembered)
