"""Jobs and their events in one SQLite file (write-ahead log), so that they outlive the server.

Every method is safe to call from any thread, and every change of state is written together with its event.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.errors import Problem
from server.jobs.events import ACTIVE, EVENTS_KEPT, OVER, State, StoredEvent
from server.jobs.refusals import Conflict, NoSuchJob, QueueFull
from server.recipe import Recipe

_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    recipe TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    report TEXT,
    error TEXT,
    progress TEXT,
    warnings TEXT NOT NULL DEFAULT '[]',
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    last_event INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job, id)
) WITHOUT ROWID;
"""
# What turns a record of an older version into one of the next.
_UPGRADES = {1: "ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '[]'"}
# SQLite's largest whole number.
MAX_NUMBER = 2**63 - 1
_COLUMNS = "id, state, recipe, report, error, progress, warnings, created, started, finished, last_event"


@dataclass(frozen=True)
class Job:
    """A job as it is now.

    Times are seconds since 1970; `progress` is the data of its newest progress event; `warnings` are sentences about
    what of the recipe will not be followed.
    """

    id: str
    state: State
    recipe: dict[str, Any]
    report: dict[str, Any] | None
    error: dict[str, str] | None
    progress: dict[str, Any] | None
    warnings: list[str]
    created: float
    started: float | None
    finished: float | None
    last_event: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Store:
    """The record of all jobs.

    Args:
        path: the SQLite file; created when missing.
        on_news: called with a job's id, outside the lock, after each of its events was written.

    Raises:
        Problem: "store-broken" when the file cannot be read as such a record.
    """

    def __init__(self, path: Path, on_news: Callable[[str], None]) -> None:
        self._lock = threading.RLock()
        self._on_news = on_news
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
            elif version in _UPGRADES:
                self._db.executescript(f"BEGIN; {_UPGRADES[version]}; PRAGMA user_version = {version + 1}; COMMIT;")
            elif version != _SCHEMA_VERSION:
                raise sqlite3.DatabaseError(f"it has version {version}, this server reads version {_SCHEMA_VERSION}")
        except sqlite3.Error as error:
            hint = "Move the file away to start with an empty list of jobs, or use another data folder."
            raise Problem("store-broken", f"The job list {path} cannot be read: {error}.", hint) from None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def submit(
        self,
        recipe: Recipe,
        idempotency_key: str | None = None,
        warnings: Sequence[str] = (),
        most_queued: int | None = None,
    ) -> tuple[Job, bool]:
        """Queue a recipe. Returns the job and whether it is new: the same key gives the same job again.

        Args:
            warnings: kept with the job, and each is an event of its own, so that whoever watches the job sees it.
            most_queued: jobs that may wait; None: any number.

        Raises:
            Conflict: "idempotency-key-reused" when the key came with another recipe before.
            QueueFull: "queue-full".
        """
        written = recipe.model_dump_json()
        with self._writing():
            if idempotency_key is not None:
                row = self._db.execute(
                    "SELECT id, recipe FROM jobs WHERE idempotency_key = ?", [idempotency_key]
                ).fetchone()
                if row is not None and row[1] != written:
                    message = f"This Idempotency-Key was used for another recipe, in job {row[0]}."
                    raise Conflict("idempotency-key-reused", message, "Use a new key for a new job.")
                if row is not None:
                    return self.get(row[0]), False
            queued = self._db.execute("SELECT COUNT(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
            if most_queued is not None and queued >= most_queued:
                hint = "Wait until some are done, or cancel some."
                raise QueueFull("queue-full", f"{queued} jobs wait already.", hint)
            job_id = secrets.token_hex(6)
            values = (job_id, written, idempotency_key, json.dumps(list(warnings)), time.time())
            self._db.execute(
                "INSERT INTO jobs (id, state, recipe, idempotency_key, warnings, created)"
                " VALUES (?, 'queued', ?, ?, ?, ?)",
                values,
            )
            self._write_event(job_id, "state", {"state": "queued"})
            for warning in warnings:
                self._write_event(job_id, "log", {"level": "warning", "message": warning})
            job = self.get(job_id)
        self._on_news(job_id)
        return job, True

    def get(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        with self._lock:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", [job_id]).fetchone()
        if row is None:
            raise NoSuchJob(job_id)
        return _job(row)

    def page(self, limit: int, before: int | None = None) -> tuple[list[Job], int | None]:
        """The newest jobs, or the newest of those behind a page, and what to give as `before` for the page behind
        these; None when there is none."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT number, {_COLUMNS} FROM jobs WHERE number < ? ORDER BY number DESC LIMIT ?",
                [MAX_NUMBER if before is None else before, limit + 1],
            ).fetchall()
        jobs = [_job(row[1:]) for row in rows[:limit]]
        return jobs, rows[limit - 1][0] if len(rows) > limit else None

    def any_queued(self) -> bool:
        with self._lock:
            return self._db.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone() is not None

    def any_under_way(self) -> bool:
        """Whether a job waits or is worked on; a paused one waits for a person."""
        states = "('queued', 'running', 'finishing')"
        with self._lock:
            return self._db.execute(f"SELECT 1 FROM jobs WHERE state IN {states} LIMIT 1").fetchone() is not None

    def claim(self) -> Job | None:
        """Take the oldest queued job: it is `running` from now on. None when no job is queued."""
        with self._writing():
            row = self._db.execute("SELECT id FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1").fetchone()
            if row is None:
                return None
            self._db.execute("UPDATE jobs SET state = 'running', started = ? WHERE id = ?", [time.time(), row[0]])
            self._write_event(row[0], "state", {"state": "running"})
            job = self.get(row[0])
        self._on_news(job.id)
        return job

    def change_state(self, job_id: str, before: tuple[State, ...], after: State) -> bool:
        """Move a job to a state that is not its last, if its state is one of `before`; whether it was."""
        with self._writing():
            if self.get(job_id).state not in before:
                return False
            self._db.execute("UPDATE jobs SET state = ? WHERE id = ?", [after, job_id])
            self._write_event(job_id, "state", {"state": after})
        self._on_news(job_id)
        return True

    def end(
        self,
        job_id: str,
        state: State,
        *,
        report: dict[str, Any] | None = None,
        error: dict[str, str] | None = None,
        before: tuple[State, ...] = ("queued", *ACTIVE),
    ) -> bool:
        """Write a job's last state with its last event; False when its state was not one of `before`."""
        with self._writing():
            if self.get(job_id).state not in before:
                return False
            self._write_event(job_id, "state", {"state": state})
            if state == "done":
                self._write_event(job_id, "done", {"report": report})
            elif state == "failed":
                self._write_event(job_id, "failed", error or {})
            self._db.execute(
                "UPDATE jobs SET state = ?, finished = ?, report = ?, error = ? WHERE id = ?",
                [state, time.time(), _or_null(report), _or_null(error), job_id],
            )
        self._on_news(job_id)
        return True

    def append(self, job_id: str, name: str, data: dict[str, Any]) -> None:
        """Write an event of a job that is not over; a job that is over takes no more events."""
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

    def events_after(self, job_id: str, event_id: int) -> list[StoredEvent]:
        """Events with a greater id, in order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, name, data FROM events WHERE job = ? AND id > ? ORDER BY id", [job_id, event_id]
            ).fetchall()
        return [StoredEvent(row[0], row[1], json.loads(row[2])) for row in rows]

    def delete(self, job_id: str) -> None:
        """Forget a job that is over, and its events.

        Raises:
            NoSuchJob, or Conflict ("job-not-over").
        """
        with self._writing():
            state = self.get(job_id).state
            if state not in OVER:
                raise Conflict("job-not-over", f"The job is {state}.", "Cancel it first, then delete it.")
            self._db.execute("DELETE FROM jobs WHERE id = ?", [job_id])
        self._on_news(job_id)

    def fail_interrupted(self) -> list[str]:
        """After a crash of the server: jobs under way fail, queued ones stay queued. Returns the ids of the failed."""
        error = Problem(
            "server-restarted",
            "The server stopped while this job ran.",
            "Submit its recipe again: it goes on from where it was.",
        )
        with self._lock:
            marks = ", ".join("?" * len(ACTIVE))
            rows = self._db.execute(f"SELECT id FROM jobs WHERE state IN ({marks}) ORDER BY number", ACTIVE).fetchall()
        for (job_id,) in rows:
            self.end(job_id, "failed", error=error.as_json())
        return [job_id for (job_id,) in rows]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
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
        return event_id


def _or_null(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


def _job(row: tuple[Any, ...]) -> Job:
    job_id, state, recipe, report, error, progress, warnings, created, started, finished, last_event = row
    return Job(
        id=job_id,
        state=state,
        recipe=json.loads(recipe),
        report=report and json.loads(report),
        error=error and json.loads(error),
        progress=progress and json.loads(progress),
        warnings=json.loads(warnings),
        created=created,
        started=started,
        finished=finished,
        last_event=last_event,
    )
