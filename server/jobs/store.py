"""Jobs and their events in one SQLite file (write-ahead log), so that they outlive the server.

Every method is safe to call from any thread, and every change of state is written together with its event. What SQLite
and the system refuse is a StoreFault of server/jobs/faults.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from server.jobs.deaths import after_death
from server.jobs.events import ACTIVE, EVENTS_KEPT, OVER, State
from server.jobs.faults import StoreFault
from server.jobs.intake import Intake
from server.jobs.job import Job
from server.jobs.outbox import Ending
from server.jobs.refusals import NoSuchJob

UNDER_WAY: tuple[State, ...] = ("queued", "paused", *ACTIVE)


class Store(Intake):
    """The record of all jobs, and every change of it; here those that come from the work."""

    def claim(self, job_id: str | None = None, made_on: str = "") -> Job | None:
        """Take a queued job, or the one that is next: a worker has it from now on. None when it, or none, is queued.

        Args:
            made_on: the kind of the worker's device.
        """
        self.write_waiting()
        with self._writing():
            queued = self.in_turn()
            if not queued or (job_id is not None and job_id not in queued):
                return None
            taken = self.get(job_id or queued[0])
            state = "finishing" if taken.finish else "running"
            self._db.execute(
                "UPDATE jobs SET state = ?, started = ?, attempts = attempts + 1, made_on = ?, waits = '' WHERE id = ?",
                [state, time.time(), made_on, taken.id],
            )
            self._write_event(taken.id, "state", {"state": state})
            job = self.get(taken.id)
        self._on_news(job.id)
        return job

    def reuse(self, job_id: str, source: Job) -> None:
        """A queued job is done: it has the result of `source`, which made the same. Does nothing for any other job."""
        said = f"Made before, by job {source.id}: its result is taken. Ask for it anew to have it made again."
        with self._writing():
            if self.get(job_id).state != "queued":
                return
            self._write_event(job_id, "log", {"level": "info", "message": said})
            if source.progress is not None:
                self._write_event(job_id, "progress", source.progress)
            self._write_event(job_id, "state", {"state": "done"})
            self._write_event(job_id, "done", {"report": source.report, "reused": source.id})
            progress, report = _or_null(source.progress), _or_null(source.report)
            self._db.execute(
                "UPDATE jobs SET state = 'done', finished = ?, report = ?, progress = ?, made_on = ?, reused = ?,"
                " waits = '' WHERE id = ?",
                [time.time(), report, progress, source.made_on, source.id, job_id],
            )
        self._on_news(job_id)

    def note_wait(self, job_id: str, why: str, tells: bool) -> None:
        """Why a queued job waits, in a sentence; "" for no reason but its turn.

        Args:
            tells: whether whoever watches the job is told, too.
        """
        with self._writing():
            if self.get(job_id).state != "queued":
                return
            self._db.execute("UPDATE jobs SET waits = ? WHERE id = ?", [why, job_id])
            if tells:
                self._write_event(job_id, "log", {"level": "warning", "message": why})
        self._on_news(job_id)

    def change_state(self, job_id: str, before: tuple[State, ...], after: State, finish: bool = False) -> bool:
        """Move a job to a state that is not its last, if its state is one of `before`; whether it was.

        Args:
            finish: it is to make do with what there is, now and whenever a worker takes it again.
        """
        self.write_waiting()  # what is written later would take the order back
        with self._writing():
            if self.get(job_id).state not in before:
                return False
            self._db.execute(
                "UPDATE jobs SET state = ?, finish = finish OR ?, pausing = 0 WHERE id = ?", [after, finish, job_id]
            )
            self._write_event(job_id, "state", {"state": after})
        self._on_news(job_id)
        return True

    def retry(self, job_id: str) -> None:
        """As `Intake.retry`."""
        self.write_waiting()  # what is written later would take the order back
        super().retry(job_id)

    def end(
        self,
        job_id: str,
        state: State,
        *,
        report: dict[str, Any] | None = None,
        error: dict[str, str] | None = None,
        before: tuple[State, ...] = UNDER_WAY,
    ) -> bool:
        """`settle` for a job that is over."""
        return self.settle(job_id, Ending(state, report, error), before)

    def settle(self, job_id: str, ending: Ending, before: tuple[State, ...] = UNDER_WAY) -> bool:
        """Say how a run of a job ended; False when the job's state was not one of `before`.

        What cannot be written is kept in memory, seen by every reader, and written by `write_waiting`.
        """
        try:
            job = self.get(job_id)
            ending = _held(ending, job)
            return job.state in before and self._write_ending(job_id, ending, before)
        except StoreFault:
            self._outbox.put(job_id, ending)
            self._on_news(job_id)
            return True

    def interrupt(self, job_id: str, cause: str, problem: dict[str, str], forgives_progress: bool = False) -> State:
        """A run was cut off: the job is queued again, or has failed when it was so for the same cause before.

        Args:
            cause: what makes two deaths the same.
            problem: what to say about it, as `Problem.as_json`.
            forgives_progress: the same death counts only when the job came no further than the last time.

        Returns:
            The job's state afterwards.
        """
        with self._lock:
            with self._reading():
                (deaths,) = self._db.execute("SELECT deaths FROM jobs WHERE id = ?", [job_id]).fetchone() or ("[]",)
            ending = after_death(self.get(job_id), json.loads(deaths), cause, problem, forgives_progress)
            self.settle(job_id, ending, ACTIVE)
            return self.get(job_id).state

    def write_waiting(self) -> None:
        """Write the ends that could not be written before. Raises StoreFault while they still cannot."""
        if len(self._outbox):
            self._outbox.write_all(lambda job_id, ending: self._write_ending(job_id, ending, UNDER_WAY))

    def append(self, job_id: str, name: str, data: dict[str, Any]) -> None:
        """Write an event of a job that is not over; a job that is over takes no more events.

        Of progress, and of what points to files that only the newest few of survive, only the newest are kept.
        """
        with self._writing():
            if self.get(job_id).state in OVER:
                return
            event_id = self._write_event(job_id, name, data)
            if name == "progress":
                self._db.execute("UPDATE jobs SET progress = ? WHERE id = ?", [json.dumps(data), job_id])
            if name in EVENTS_KEPT:
                # The files of older previews are gone, and older progress is a row a step.
                self._db.execute(
                    "DELETE FROM events WHERE job = ?1 AND name = ?2 AND id <= ?3 AND id NOT IN"
                    " (SELECT id FROM events WHERE job = ?1 AND name = ?2 ORDER BY id DESC LIMIT ?4)",
                    (job_id, name, event_id, EVENTS_KEPT[name]),
                )
        self._on_news(job_id)

    def _write_ending(self, job_id: str, ending: Ending, before: tuple[State, ...]) -> bool:
        with self._writing():
            try:
                job = self._written(job_id)
            except NoSuchJob:
                return False
            if job.state not in before:
                return False
            for name, data in ending.events:
                self._write_event(job_id, name, data)
            over = ending.state in OVER
            self._db.execute(
                "UPDATE jobs SET state = ?, finished = ?, report = ?, error = ?, pausing = 0 WHERE id = ?",
                [ending.state, ending.at if over else None, _or_null(ending.report), _or_null(ending.error), job_id],
            )
            if ending.task:
                self._db.execute("UPDATE jobs SET task = ? WHERE id = ?", [ending.task, job_id])
            if ending.death:
                self._db.execute("UPDATE jobs SET deaths = ? WHERE id = ?", [ending.death, job_id])
        self._on_news(job_id)
        return True


def _held(ending: Ending, job: Job) -> Ending:
    """A job that somebody wanted paused does not go on by itself; one that was to finish does, also from its look."""
    if job.finish and ending.task == "looked":
        return replace(ending, state="queued")
    return replace(ending, state="paused") if job.pausing and ending.state == "queued" else ending


def _or_null(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)
