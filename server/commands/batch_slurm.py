"""The rows of a batch as tasks of Slurm: handed in, watched, and found again by whoever watches next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from server.commands.batch_making import failed, so_far
from server.commands.batch_report import MAKING, Told, forget, told_of
from server.errors import Problem
from server.farm import slurm
from server.files import write_text

if TYPE_CHECKING:
    from server.commands.batch_rows import Row
    from server.commands.batch_table import Table

POLL_S = 2.0
# For so long, a file of another computer may not be seen here yet.
LATE_S = 60.0
TASKS, LOGS = "tasks.json", "slurm"
NO_ANSWER = "Slurm gives no answer; waiting for it"
GOES_ON = "The tasks go on in Slurm, and the same command watches them again; scancel ends them."


def make_in_slurm(
    asked: Sequence[Row],
    command_of: Callable[[Row], Sequence[str]],
    out: Path,
    wishes: slurm.Wishes,
    table: Table,
    on_end: Callable[[Row, Told], None],
) -> None:
    """Make every row in a task of its own; those that an earlier process handed in are only watched.

    Args:
        command_of: arguments of `python -m server` that make a row.
        on_end: is told what became of a row.

    Raises:
        BadRequest: as `server.farm.slurm.submit`.
        OSError: `out` cannot be written.
    """
    table.elsewhere = NO_ANSWER
    tasks = _handed_in(out)
    new = [row for row in asked if row.name not in tasks]
    for start in range(0, len(new), slurm.MOST_AT_ONCE):
        some = new[start : start + slurm.MOST_AT_ONCE]
        for row in some:
            forget(out, row.name)
        names = slurm.submit([command_of(row) for row in some], out / MAKING / LOGS, wishes)
        tasks |= {row.name: name for row, name in zip(some, names, strict=True)}
        write_text(out / MAKING / TASKS, json.dumps(tasks))
    _watch(asked, tasks, out, table, on_end)


def _handed_in(out: Path) -> dict[str, str]:
    """Tasks, by the names of their rows, that have not ended."""
    try:
        tasks: dict[str, str] = json.loads((out / MAKING / TASKS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    while (alive := slurm.tasks_alive()) is None:
        time.sleep(POLL_S)
    return {row: task for row, task in tasks.items() if task in alive}


def _watch(
    asked: Sequence[Row],
    tasks: Mapping[str, str],
    out: Path,
    table: Table,
    on_end: Callable[[Row, Told], None],
) -> None:
    left, ended = list(asked), dict[str, float]()
    while left:
        alive = slurm.tasks_alive()
        table.elsewhere = _in_words([tasks[row.name] for row in left], alive)
        if alive is not None:
            for row in [row for row in left if tasks[row.name] not in alive]:
                told = so_far(out, row, told_of(out, row.name))
                if told.state == "waiting":
                    if time.monotonic() - ended.setdefault(row.name, time.monotonic()) < LATE_S:
                        continue
                    task = tasks[row.name]
                    told = failed(row, _ended(task, slurm.log_of(out / MAKING / LOGS, task)).as_json())
                left.remove(row)
                on_end(row, told)
        if left:
            time.sleep(POLL_S)


def _in_words(tasks: Iterable[str], alive: Mapping[str, bool] | None) -> str:
    if alive is None:
        return NO_ANSWER
    states = [alive[task] for task in tasks if task in alive]
    return f"{sum(states)} run in Slurm, {len(states) - sum(states)} wait there"


def _ended(task: str, log: Path) -> Problem:
    said = f"Slurm's task {task} ended without a result."
    return Problem("task-ended", said, f"{log} says how far it came; --failed goes on from there.")
