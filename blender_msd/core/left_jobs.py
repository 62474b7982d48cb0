"""Jobs that Blender left to its server when it ended: written down, so that the next start offers their results."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .job_view import JobView
from .kinds import KINDS

NAME = "left-jobs.json"


def leave_jobs(folder: Path, jobs: Sequence[JobView]) -> None:
    """Write jobs down beside those that another Blender left; what cannot be written is still made, but not offered."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        said = [
            {"id": job.job_id, "kind": job.kind, "prompt": job.prompt, "seed": job.seed, "is_look": bool(job.look)}
            for job in jobs
        ]
        (folder / NAME).write_text(json.dumps([*_read(folder), *said]), encoding="utf-8")


def take_left_jobs(folder: Path) -> list[JobView]:
    """The jobs that were left, oldest first, which are then forgotten."""
    said = _read(folder)
    with contextlib.suppress(OSError):
        (folder / NAME).unlink()
    found = []
    for each in said:
        with contextlib.suppress(ValueError, LookupError, TypeError):
            job = JobView(str(each["kind"]), str(each["prompt"]), int(each["seed"]), state="done", phase="Left")
            job.job_id, job.waits_for_a_place = str(each["id"]), True
            job.look = "asked" if each.get("is_look") else ""
            found += [job] if job.kind in KINDS else []
    return found


def _read(folder: Path) -> list[Any]:
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return said if isinstance(said, list) else []
