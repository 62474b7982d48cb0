"""What people ask of the list of jobs: new ones, another try, an order, a star, an end to them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from server.jobs.events import OVER
from server.jobs.job import Job, Task
from server.jobs.record import Record
from server.jobs.refusals import Conflict, QueueFull
from server.recipe import Recipe


@dataclass(frozen=True)
class Terms:
    """On which terms recipes are queued.

    Attributes:
        digests: of each of them, see sameness.py; none: all are like no other.
        anew: whether they are to be made even if they were made before.
        needs: of each of them, as memory.py tells it.
        most_queued: jobs that may wait; None: any number.
        task, parent: as `Job`.
        job_id: of a job whose folder is there already; None: a new one for each.
    """

    digests: Sequence[str] = ()
    anew: bool = False
    needs: Mapping[str, int] = field(default_factory=dict)
    most_queued: int | None = None
    task: Task = "make"
    parent: str | None = None
    job_id: str | None = None


class Intake(Record):
    """The changes of the record that a person asks for, and no worker."""

    def submit(
        self,
        recipe: Recipe,
        idempotency_key: str | None = None,
        warnings: Sequence[str] = (),
        terms: Terms = Terms(),
    ) -> tuple[Job, bool]:
        """`submit_all` for one recipe."""
        jobs, are_new = self.submit_all([recipe], idempotency_key, warnings, terms)
        return jobs[0], are_new

    def submit_all(
        self,
        recipes: Sequence[Recipe],
        idempotency_key: str | None = None,
        warnings: Sequence[str] = (),
        terms: Terms = Terms(),
    ) -> tuple[list[Job], bool]:
        """Queue recipes, all or none. Returns their jobs and whether they are new: the same key gives the same again.

        Args:
            warnings: kept with each job, and each is an event of its own, so that whoever watches the job sees it.

        Raises:
            Conflict: "idempotency-key-reused" when the key came with other recipes before.
            QueueFull: "queue-full".
        """
        written = [recipe.model_dump_json() for recipe in recipes]
        keys = [_key_of(idempotency_key, place) for place in range(len(recipes))]
        with self._writing():
            if idempotency_key is not None and (before := self._jobs_of_key(idempotency_key, written, terms.parent)):
                return before, False
            queued = self._db.execute("SELECT COUNT(*) FROM jobs WHERE state = 'queued'").fetchone()[0]
            most = terms.most_queued
            if most is not None and queued + len(recipes) > most:
                hint = "Wait until some are done, or cancel some."
                wanted = "" if len(recipes) == 1 else f" {len(recipes)} more would be over the limit of {most}."
                raise QueueFull("queue-full", f"{queued} jobs wait already.{wanted}", hint)
            digests = terms.digests or [""] * len(recipes)
            jobs = [self._add(*each, warnings, terms) for each in zip(written, keys, digests, strict=True)]
        for job in jobs:
            self._on_news(job.id)
        return jobs, True

    def _jobs_of_key(self, key: str, written: list[str], parent: str | None) -> list[Job]:
        """Those that came with the key before. Raises Conflict when they are others than these."""
        rows = self._db.execute(
            "SELECT id, recipe, parent FROM jobs WHERE idempotency_key = ?1"
            " OR substr(idempotency_key, 1, length(?2)) = ?2 ORDER BY number",
            (key, f"{key}\n"),
        ).fetchall()
        if rows and [row[1:] for row in rows] != [(recipe, parent) for recipe in written]:
            message = f"This Idempotency-Key was used for another recipe, in job {rows[0][0]}."
            raise Conflict("idempotency-key-reused", message, "Use a new key for a new job.")
        return [self.get(row[0]) for row in rows]

    def _add(self, written: str, key: str | None, digest: str, warnings: Sequence[str], terms: Terms) -> Job:
        job_id = terms.job_id or secrets.token_hex(6)
        self._db.execute(
            "INSERT INTO jobs"
            " (id, state, recipe, idempotency_key, warnings, created, task, parent, digest, anew, needs)"
            " VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(job_id, written, key, json.dumps(list(warnings)), time.time()),
                *(terms.task, terms.parent, digest, terms.anew, json.dumps(dict(terms.needs))),
            ],
        )
        self._write_event(job_id, "state", {"state": "queued"})
        for warning in warnings:
            self._write_event(job_id, "log", {"level": "warning", "message": warning})
        return self.get(job_id)

    def put_first(self, job_id: str) -> None:
        """Let a queued job be the next to be taken. Raises Conflict."""
        with self._writing():
            state = self.get(job_id).state
            if state != "queued":
                raise Conflict("wrong-state", f"Cannot put a job first that is {state}.", "It must be queued.")
            self._db.execute(
                "UPDATE jobs SET priority = 1 + (SELECT max(priority) FROM jobs WHERE state = 'queued') WHERE id = ?",
                [job_id],
            )

    def retry(self, job_id: str) -> None:
        """Queue a job that failed or was cancelled once more, with nothing held against it. Raises Conflict."""
        with self._writing():
            state = self.get(job_id).state
            if state not in ("failed", "cancelled"):
                hint = "Only a job that failed or was cancelled can be tried again."
                raise Conflict("wrong-state", f"Cannot retry a job that is {state}.", hint)
            self._db.execute(
                "UPDATE jobs SET state = 'queued', error = NULL, finished = NULL, deaths = '[]', removed = '[]',"
                " finish = 0, pausing = 0 WHERE id = ?",
                [job_id],
            )
            # Whoever follows the job would take its old end for its end.
            self._db.execute(
                "DELETE FROM events WHERE job = ? AND (name = 'failed' OR name = 'state'"
                " AND json_extract(data, '$.state') IN ('failed', 'cancelled'))",
                [job_id],
            )
            self._write_event(job_id, "state", {"state": "queued"})
        self._on_news(job_id)

    def wish_pause(self, job_id: str, wished: bool) -> None:
        """Remember whether a job is to be paused once its worker has left it, whatever makes the worker leave."""
        with self._writing():
            self._db.execute("UPDATE jobs SET pausing = ? WHERE id = ?", [wished, job_id])

    def star(self, job_id: str, starred: bool) -> None:
        """Whether its files are to be kept whatever the quota says. Raises NoSuchJob."""
        with self._writing():
            self.get(job_id)
            self._db.execute("UPDATE jobs SET starred = ? WHERE id = ?", [starred, job_id])

    def note_removed(self, job_id: str, names: Sequence[str]) -> bool:
        """Say that files of a job are gone; False, with nothing said, when it is not over or was starred."""
        with self._writing():
            job = self.get(job_id)
            if job.state not in OVER or job.starred:
                return False
            gone = json.dumps(sorted({*job.removed, *names}))
            self._db.execute("UPDATE jobs SET removed = ? WHERE id = ?", [gone, job_id])
        return True

    def delete(self, job_id: str) -> None:
        """Forget a job that is over, and its events.

        Raises:
            NoSuchJob, or Conflict ("job-not-over").
        """
        with self._writing():
            self.check_over(job_id)
            self._db.execute("DELETE FROM jobs WHERE id = ?", [job_id])
        self._on_news(job_id)

    def check_over(self, job_id: str) -> None:
        """Raises NoSuchJob, or Conflict ("job-not-over")."""
        state = self.get(job_id).state
        if state not in OVER:
            raise Conflict("job-not-over", f"The job is {state}.", "Cancel it first, then delete it.")


def _key_of(key: str | None, place: int) -> str | None:
    """Of one of several jobs of one request. No key that was sent holds the line end."""
    return key if key is None or place == 0 else f"{key}\n{place}"
