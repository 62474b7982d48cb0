"""Names of the events of a job, and the bell that wakes whoever waits for them.

A job's events are numbered 1, 2, 3, ... and are kept with the job, so that a reader can always catch up. The last event
of a job is `done`, `failed`, or `state` with the state "cancelled".
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "running", "paused", "finishing", "done", "failed", "cancelled"]
OVER: tuple[State, ...] = ("done", "failed", "cancelled")
# A worker has it.
ACTIVE: tuple[State, ...] = ("running", "finishing")

# Event names whose data point to a file that only the newest few of survive, with the prefix of those files.
LIVE_FILES = {"preview_mesh": "live", "preview_image": "preview"}
LIVE_FILES_KEPT = 4
# Events of which only the newest few are kept, with how many. Of progress the newest says all.
EVENTS_KEPT = {**dict.fromkeys(LIVE_FILES, LIVE_FILES_KEPT), "progress": 1}


@dataclass(frozen=True)
class StoredEvent:
    """One event of one job; `id` grows within the job."""

    id: int
    name: str
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        return self.name in ("done", "failed") or (self.name == "state" and self.data["state"] == "cancelled")


class Bell:
    """Wakes asyncio readers when a job has news; rung from any thread.

    `close` wakes everybody for good: readers look at `closed` and leave, so that a server can stop with streams open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.closed = False

    @contextmanager
    def listen(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set at every news of the job; the reader clears it."""
        listener = (job_id, asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._listeners.append(listener)
            if self.closed:
                listener[2].set()
        try:
            yield listener[2]
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def ring(self, job_id: str) -> None:
        self._wake(lambda listener_job: listener_job == job_id)

    def close(self) -> None:
        self.closed = True
        self._wake(lambda _: True)

    def _wake(self, concerns: Callable[[str], bool]) -> None:
        # Under the lock: a loop is only closed after its listeners have left.
        with self._lock:
            for job_id, loop, event in self._listeners:
                if concerns(job_id):
                    loop.call_soon_threadsafe(event.set)
