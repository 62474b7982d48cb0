"""The list of jobs as it is read: one SQLite file, with what waits to be written to it laid over."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.jobs.events import ACTIVE, OVER, State, StoredEvent
from server.jobs.faults import gone, store_problem
from server.jobs.job import COLUMNS, Job, job_from_row
from server.jobs.outbox import Outbox
from server.jobs.refusals import NoSuchJob
from server.jobs.results import Wanted
from server.jobs.schema import open_record

_LOG = logging.getLogger(__name__)
# SQLite's largest whole number.
MAX_NUMBER = 2**63 - 1


class Record:
    """What can be asked about jobs, and the two ways to the file: `_reading` and `_writing`.

    Args:
        path: the SQLite file; created when missing.
        on_news: called with a job's id, outside the lock, after each of its events was written.

    Raises:
        StoreFault: it cannot be read or written; so does every method.
    """

    def __init__(self, path: Path, on_news: Callable[[str], None]) -> None:
        self._lock = threading.RLock()
        self._on_news = on_news
        self._path = path
        self._outbox = Outbox()
        self._db = open_record(path)
        self._file = os.stat(path).st_ino

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def get(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        with self._reading():
            return self._outbox.laid_over(self._written(job_id))

    def page(self, limit: int, before: int | None = None, over: bool | None = None) -> tuple[list[Job], int | None]:
        """The newest jobs, or the newest of those behind a page, and what to give as `before` for the page behind
        these; None when there is none.

        Args:
            over: of those that are over alone, or of those that are not; None: of all.
        """
        states = ", ".join(f"'{state}'" for state in OVER)
        chosen = "" if over is None else f" AND state {'IN' if over else 'NOT IN'} ({states})"
        with self._reading():
            rows = self._db.execute(
                f"SELECT number, {COLUMNS} FROM jobs WHERE number < ?{chosen} ORDER BY number DESC LIMIT ?",
                [MAX_NUMBER if before is None else before, limit + 1],
            ).fetchall()
            jobs = [self._outbox.laid_over(job_from_row(row[1:])) for row in rows[:limit]]
        # How some ended may not be written yet.
        jobs = [job for job in jobs if over is None or (job.state in OVER) == over]
        return jobs, rows[limit - 1][0] if len(rows) > limit else None

    def results(self, wanted: Wanted, limit: int, before: int | None = None) -> tuple[list[Job], int | None, int]:
        """As `page`, of jobs that are done and wanted; and how many those are on all pages."""
        conditions, values = wanted.as_sql()
        with self._reading():
            (total,) = self._db.execute(f"SELECT COUNT(*) FROM jobs WHERE {conditions}", values).fetchone()
            rows = self._db.execute(
                f"SELECT number, {COLUMNS} FROM jobs WHERE {conditions} AND number < ? ORDER BY number DESC LIMIT ?",
                [*values, MAX_NUMBER if before is None else before, limit + 1],
            ).fetchall()
            jobs = [job_from_row(row[1:]) for row in rows[:limit]]
        return jobs, rows[limit - 1][0] if len(rows) > limit else None, total

    def in_states(self, states: Sequence[State]) -> list[str]:
        """Ids of jobs, the oldest first."""
        with self._reading():
            marks = ", ".join("?" * len(states))
            rows = self._db.execute(f"SELECT id FROM jobs WHERE state IN ({marks}) ORDER BY number", states).fetchall()
        return [job_id for (job_id,) in rows if self._outbox.of(job_id) is None]

    def in_turn(self) -> list[str]:
        """Ids of queued jobs; that which is next is first."""
        with self._reading():
            rows = self._db.execute("SELECT id FROM jobs WHERE state = 'queued' ORDER BY priority DESC, number")
            return [job_id for (job_id,) in rows.fetchall() if self._outbox.of(job_id) is None]

    def of_digest(self, digest: str) -> list[Job]:
        """Jobs that make the same, the newest first; none for ""."""
        with self._reading():
            rows = self._db.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE digest = ? AND digest != '' ORDER BY number DESC", [digest]
            ).fetchall()
            return [self._outbox.laid_over(job_from_row(row)) for row in rows]

    def removable(self) -> list[str]:
        """Ids of jobs that are over and not starred; what ended first is first."""
        with self._reading():
            marks = ", ".join("?" * len(OVER))
            rows = self._db.execute(
                f"SELECT id FROM jobs WHERE state IN ({marks}) AND NOT starred ORDER BY finished, number", OVER
            ).fetchall()
        return [job_id for (job_id,) in rows if self._outbox.of(job_id) is None]

    def any_under_way(self) -> bool:
        """Whether a job waits or is worked on; a paused one waits for a person."""
        return bool(self.in_states(("queued", *ACTIVE)))

    def any_queued(self) -> bool:
        with self._reading():
            return self._db.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone() is not None

    def events_after(self, job_id: str, event_id: int) -> list[StoredEvent]:
        """Events with a greater id, in order."""
        with self._reading():
            rows = self._db.execute(
                "SELECT id, name, data FROM events WHERE job = ? AND id > ? ORDER BY id", [job_id, event_id]
            ).fetchall()
            events = [StoredEvent(row[0], row[1], json.loads(row[2])) for row in rows]
            waiting = self._outbox.of(job_id) is not None
            return events + (self._outbox.events_after(self._written(job_id), event_id) if waiting else [])

    def _written(self, job_id: str) -> Job:
        row = self._db.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", [job_id]).fetchone()
        if row is None:
            raise NoSuchJob(job_id)
        return job_from_row(row)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            try:
                if os.stat(self._path).st_ino != self._file:
                    raise gone(self._path)
                yield
            except (sqlite3.Error, OSError, json.JSONDecodeError) as error:
                fault = sqlite3.DatabaseError(str(error)) if isinstance(error, ValueError) else error
                raise store_problem(fault, self._path) from None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._reading():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise

    def _write_event(self, job_id: str, name: str, data: dict[str, Any]) -> int:
        self._db.execute("UPDATE jobs SET last_event = last_event + 1 WHERE id = ?", [job_id])
        event_id: int = self._db.execute("SELECT last_event FROM jobs WHERE id = ?", [job_id]).fetchone()[0]
        self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", [job_id, event_id, name, json.dumps(data)])
        # Not what an error says: it may quote the prompt.
        if name == "state" or name == "failed":
            _LOG.info("%s", data.get("state") or f"because of {data.get('code')}", extra={"job": job_id})
        return event_id
