"""A job that Blender left to its server when it ended: written down, so that the next start offers its result."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from .job_view import JobView
from .kinds import KINDS

NAME = "left-job.json"


def leave_job(folder: Path, job: JobView) -> None:
    """Write the job down; one that cannot be written is still made, but not offered."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        said = {"id": job.job_id, "kind": job.kind, "prompt": job.prompt, "seed": job.seed}
        (folder / NAME).write_text(json.dumps(said), encoding="utf-8")


def take_left_job(folder: Path) -> JobView | None:
    """The job that was left, which is then forgotten; None when there is none."""
    path = folder / NAME
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        job = JobView(str(said["kind"]), str(said["prompt"]), int(said["seed"]), state="done", phase="Left")
        job.job_id = str(said["id"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    job.waits_for_a_place = True
    return job if job.kind in KINDS else None
