"""A job while a worker has it, and what the worker says of its end."""

from __future__ import annotations

from dataclasses import dataclass

from server.jobs.outbox import Ending
from server.jobs.process import Answer


@dataclass
class Run:
    """A job that a worker has.

    Attributes:
        is_cancelled: what the worker says about it does not count any more.
        leave_by: when its worker is killed if it has not left the job, in seconds of time.monotonic.
    """

    job_id: str
    is_cancelled: bool = False
    leave_by: float | None = None


def ending_of(answer: Answer) -> Ending:
    """How a run ended, from one of the four answers that end it. A job that was left is queued again, or paused if that
    is still wished; a quick look waits for a person."""
    match answer["answer"]:
        case "done":
            return Ending("done", report=answer["report"])
        case "failed":
            return Ending("failed", error=answer["error"])
        case "left":
            return Ending("paused", task="looked") if answer["why"] == "look" else Ending("queued")
        case _:
            return Ending("cancelled")
