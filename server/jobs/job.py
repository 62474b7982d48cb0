"""A job as others see it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Literal

from server.jobs.events import State

# What is done with a recipe: all of it; a quick look, after which it is paused; all of it from that look; more steps
# from where the parent ended; another mesh of the parent's field.
Task = Literal["make", "look", "looked", "continue", "remesh"]
COLUMNS = (
    "id, state, recipe, report, error, progress, warnings, created, started, finished, last_event, attempts, finish,"
    " priority, pausing, starred, removed, task, parent, digest, anew, made_on, reused, needs, waits"
)


@dataclass(frozen=True)
class Job:
    """A job as it is now.

    Times are seconds since 1970; `progress` is the data of its newest progress event; `warnings` are sentences about
    what of the recipe will not be followed; `attempts` counts how often a worker began with it; `finish` says that it
    was told to make do with what there is; of the queued jobs, that of the highest `priority` is next, then the oldest;
    `pausing`: it is to be paused, and its worker has not left it yet; `starred`: its files are kept whatever the quota;
    `removed`: names of files that the quota took; `parent`: id of the job that it begins with, which may be gone;
    `digest`: jobs of the same one make the same, see sameness.py; "" is like no other; `anew`: it is to be made even if
    it was made before; `made_on`: the kind of device of the worker that has it, or had it last; `reused`: the job whose
    result it was given instead of being made, or None; `needs`: bytes, as memory.py tells them; `waits`: why no device
    takes it, in a sentence, if there is another reason than its turn.
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
    attempts: int = 0
    finish: bool = False
    priority: int = 0
    pausing: bool = False
    starred: bool = False
    removed: list[str] = field(default_factory=list)
    task: Task = "make"
    parent: str | None = None
    digest: str = ""
    anew: bool = False
    made_on: str = ""
    reused: str | None = None
    needs: dict[str, int] = field(default_factory=dict)
    waits: str = ""

    def as_json(self) -> dict[str, Any]:
        # Not `asdict`, which copies everything inside, and takes most of the time of a list.
        return dict(vars(self))


def job_from_row(row: tuple[Any, ...]) -> Job:
    """From a row of COLUMNS. Raises sqlite3.DatabaseError when it is damaged."""
    job_id, state, recipe, report, error, progress, warnings, created, started, finished, last, *counts = row
    attempts, finish, priority, pausing, starred, removed, task, parent, *told = counts
    digest, anew, made_on, reused, needs, waits = told
    try:
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
            last_event=last,
            attempts=attempts,
            finish=bool(finish),
            priority=priority,
            pausing=bool(pausing),
            starred=bool(starred),
            removed=json.loads(removed),
            task=task,
            parent=parent,
            digest=digest,
            anew=bool(anew),
            made_on=made_on,
            reused=reused,
            needs=json.loads(needs),
            waits=waits,
        )
    except (ValueError, TypeError) as unreadable:
        raise sqlite3.DatabaseError(f"the entry of job {job_id!r} is damaged ({unreadable})") from None
