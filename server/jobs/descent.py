"""Jobs that begin with what a finished one kept: more steps from where it ended, or another mesh of its field."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from server.errors import disk_problem
from server.files import replaced
from server.jobs.artifacts import find_artifact, job_folder, remove_files
from server.jobs.faults import StoreFault
from server.jobs.intake import Terms
from server.jobs.job import Job, Task
from server.jobs.refusals import Conflict
from server.jobs.store import Store
from server.recipe import Recipe, read_recipe
from server.studio.kept_names import FIELD, STATE

_AGAIN = "Make it again from its recipe; star what is to stay."


def continues(files: Sequence[str]) -> bool:
    """Whether a result with these files can be given more steps."""
    return STATE in files


def remeshes(files: Sequence[str]) -> bool:
    """Whether a result with these files can be meshed again."""
    return FIELD in files


class Descent:
    """Queues such jobs. Each gets a copy of what it begins with, so that its parent may go meanwhile.

    Args:
        most_queued: as `Terms`.
    """

    def __init__(self, store: Store, data_dir: Path, most_queued: int | None = None) -> None:
        self._store = store
        self._data_dir = data_dir
        self._most_queued = most_queued

    def more_steps(self, parent_id: str, steps: int, idempotency_key: str | None = None) -> tuple[Job, bool]:
        """The parent's recipe with `steps` more than were made, from where it ended. The job, and whether it is new.

        Raises:
            NoSuchJob; Conflict: "wrong-state", "nothing-kept"; BadRequest: "recipe-invalid"; and as `submit_all`.
        """
        parent = self._done(parent_id, "take more steps from")
        report = parent.report or {}
        kept = self._kept(parent, STATE, "where it ended")
        changes = {
            "steps": int(report.get("steps", 0)) + steps,
            # It counts from the first step on, and has been used up.
            "time_budget_s": None,
            "seed": report.get("made_from_seed", parent.recipe["seed"]),
        }
        return self._queue(read_recipe({**parent.recipe, **changes}), "continue", parent, kept, idempotency_key)

    def another_mesh(
        self, parent_id: str, wishes: dict[str, Any], idempotency_key: str | None = None
    ) -> tuple[Job, bool]:
        """The parent's field, meshed with other wishes: fields of a `MeshRecipe`. The job, and whether it is new.

        Raises:
            As `more_steps`.
        """
        parent = self._done(parent_id, "mesh the field of")
        if parent.recipe["kind"] != "mesh":
            hint = "Only a mesh that was made from a prompt has one."
            raise Conflict("nothing-kept", f"A {parent.recipe['kind']} has no field that could be meshed.", hint)
        kept = self._kept(parent, FIELD, "its field")
        recipe = read_recipe({**parent.recipe, "mesh": {**parent.recipe["mesh"], **wishes}})
        return self._queue(recipe, "remesh", parent, kept, idempotency_key)

    def _done(self, job_id: str, wanted: str) -> Job:
        job = self._store.get(job_id)
        if job.state != "done":
            raise Conflict("wrong-state", f"Cannot {wanted} a job that is {job.state}.", "It must be done.")
        return job

    def _kept(self, job: Job, name: str, what: str) -> Path:
        if name in job.removed:
            raise Conflict("nothing-kept", f"The job kept {what}, but the quota has removed it.", _AGAIN)
        path = find_artifact(job_folder(self._data_dir, job.id), name)
        if path is None:
            raise Conflict("nothing-kept", f"The job has not kept {what}.", _AGAIN)
        return path

    def _queue(self, recipe: Recipe, task: Task, parent: Job, kept: Path, key: str | None) -> tuple[Job, bool]:
        job_id = secrets.token_hex(6)
        folder = job_folder(self._data_dir, job_id)
        is_new = False
        try:
            _copy(kept, folder)
            # Another mesh takes no model.
            needs = parent.needs if task == "continue" else {}
            terms = Terms((), False, needs, self._most_queued, task, parent.id, job_id)
            (job,), is_new = self._store.submit_all([recipe], key, parent.warnings, terms)
        finally:
            if not is_new:
                remove_files(folder)
        return job, is_new


def _copy(file: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
        with file.open("rb") as old, replaced(folder / file.name) as new:
            shutil.copyfileobj(old, new)
    except OSError as error:
        problem = disk_problem(error, safe="Nothing was queued, and the job is as it was.")
        status = 507 if problem.code == "disk-full" else 503
        raise StoreFault(status, problem.code, problem.message, problem.hint) from None
