"""How runs of jobs ended, kept in memory while the disk takes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from server.jobs.events import OVER, State, StoredEvent
from server.jobs.job import Job, Task


@dataclass(frozen=True)
class Ending:
    """How one run of a job ended.

    Attributes:
        state: of the job afterwards: one in which it is over, "paused", or "queued" to be run again.
        report: of a job that is done; error: of one that failed.
        note: a sentence for whoever watches a job that is not over.
        task: of the job afterwards; None: as it was.
        death: the deaths to be remembered with the job from now on, as JSON; "" leaves them.
        at: seconds since 1970.
    """

    state: State
    report: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    note: str = ""
    death: str = ""
    task: Task | None = None
    at: float = field(default_factory=time.time)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Names and data, in order."""
        events: list[tuple[str, dict[str, Any]]] = []
        if self.note:
            events.append(("log", {"level": "warning", "message": self.note}))
        events.append(("state", {"state": self.state}))
        if self.state == "done":
            events.append(("done", {"report": self.report}))
        elif self.state == "failed":
            events.append(("failed", self.error or {}))
        return events


class Outbox:
    """Endings that could not be written yet; whoever reads a job meanwhile sees it as it will be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Ending] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, job_id: str, ending: Ending) -> None:
        """A job that is over stays as it is."""
        with self._lock:
            before = self._waiting.get(job_id)
            if before is None or before.state not in OVER:
                self._waiting[job_id] = ending

    def of(self, job_id: str) -> Ending | None:
        return self._waiting.get(job_id)

    def write_all(self, write: Callable[[str, Ending], object]) -> None:
        """Try each once more. Those that are written leave; the first that is not ends the attempt by its error."""
        for job_id, ending in [*self._waiting.items()]:
            write(job_id, ending)
            with self._lock:
                if self._waiting.get(job_id) is ending:
                    del self._waiting[job_id]

    def laid_over(self, job: Job) -> Job:
        ending = self.of(job.id)
        if ending is None:
            return job
        return replace(
            job,
            state=ending.state,
            report=ending.report,
            error=ending.error,
            task=ending.task or job.task,
            finished=ending.at if ending.state in OVER else None,
            last_event=job.last_event + len(ending.events),
        )

    def events_after(self, job: Job, event_id: int) -> list[StoredEvent]:
        """What will be written for a job, as it is in the record, with the numbers that it will have."""
        ending = self.of(job.id)
        events = [] if ending is None else ending.events
        numbered = [StoredEvent(job.last_event + 1 + i, name, data) for i, (name, data) in enumerate(events)]
        return [event for event in numbered if event.id > event_id]
