"""Whether a job makes what another one has made: by the hash of all that decides it, and by what came of the other."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from server import __version__
from server.jobs.artifacts import finished_report, job_folder
from server.jobs.job import Job
from server.recipe import Recipe
from server.studio.journal import NAME as LOG

# How a run ends whose result is not all that its recipe asks for.
_CUT_SHORT = ("finish", "time")


def digest_of(recipe: Recipe, identity: str, low_vram: bool) -> str:
    """Of the recipe, its prior, and this version of the program; "" when `identity` is, which is like no other.

    Args:
        identity: as server.priors.identity tells it.
    """
    if not identity:
        return ""
    decides = json.dumps([__version__, identity, low_vram, recipe.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(decides.encode()).hexdigest()


def is_whole(job: Job, data_dir: Path) -> bool:
    """Whether all of a job's result is there, and nobody ended the job before its time."""
    return (
        job.state == "done"
        and not (job.removed or job.finish)
        and (job.report or {}).get("stopped_by") not in _CUT_SHORT
        and finished_report(job_folder(data_dir, job.id)) is not None
    )


def share_files(data_dir: Path, source: Job, job_id: str) -> None:
    """Give a job the files of the result of another, and its log. They lie on the disk once, under two names, and stay
    until both are gone; where the disk knows no second names, they are copied.

    Raises:
        OSError: nothing is left of the attempt then.
    """
    there, here = job_folder(data_dir, source.id), job_folder(data_dir, job_id)
    try:
        here.mkdir(exist_ok=True)
        kept = [LOG] if (there / LOG).is_file() else []
        for name in [*(source.report or {})["artifacts"], *kept]:
            (here / name).unlink(missing_ok=True)
            try:
                os.link(there / name, here / name)
            except OSError:
                shutil.copy2(there / name, here / name)
    except OSError:
        shutil.rmtree(here, ignore_errors=True)
        raise
