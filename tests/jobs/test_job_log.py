"""Beside its results every job of a server has a log, which goes on where the job does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.jobs.artifacts import find_artifact, job_folder
from server.recipe import Recipe
from server.studio.journal import NAME

MakeRecipe = Callable[..., Recipe]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_log_of_a_job_is_one_of_its_files_and_has_q_and_shell_ratio(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("bricks", seed=31))
    assert office.wait_for_state(job_id, "done", "failed").state == "done"
    path = find_artifact(job_folder(office.data_dir, job_id), NAME)
    assert path is not None
    told = [line for line in lines_of(path) if line["event"] == "progress"]
    assert told[-1]["phase"] == "Done"
    measured = [line for line in told if line["phase"] == "Painting"]
    assert measured
    assert all(math.isfinite(line["q"]) and math.isfinite(line["shell_ratio"]) for line in measured)


def test_a_job_that_goes_on_appends_to_its_log(office: Any, recipe: MakeRecipe) -> None:
    job_id = office.submit(recipe("endless", seed=32))
    office.wait_for_step(job_id, 2)
    office.queue.pause(job_id)
    office.wait_for_state(job_id, "paused")
    path = job_folder(office.data_dir, job_id) / NAME
    before = path.read_bytes()
    office.queue.finish(job_id)
    assert office.wait_for_state(job_id, "done", "failed").state == "done"
    assert path.read_bytes().startswith(before)
    after = lines_of(path)[before.count(b"\n") :]
    assert any("Going on from step" in line.get("message", "") for line in after)
    assert after[-1]["phase"] == "Done"
