"""Jobs that Blender left to its server, on quitting or because it was killed: written down, so that the next start
offers their results."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from .job_view import JobView
from .kinds import KINDS
from .lock import lock_if_free

NAME = "left-jobs.json"
# Folder with a note of each Blender that lives, or was killed.
UNDER_WAY = "under-way"


def leave_jobs(folder: Path, jobs: Sequence[JobView]) -> None:
    """Write jobs down beside those that another Blender left; what cannot be written is still made, but not offered."""
    if not jobs:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAME).write_text(json.dumps([*_read(folder), *_said(jobs)]), encoding="utf-8")


class UnderWay:
    """This Blender's note of the jobs that it would leave if it were killed now. It is locked while Blender lives, so
    that another start takes none that are somebody's.

    Args:
        folder: as of `leave_jobs`.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / UNDER_WAY / f"{uuid.uuid4().hex}.json"
        self._file: BinaryIO | None = None
        self._noted: list[dict[str, Any]] = []

    def note(self, jobs: Sequence[JobView]) -> None:
        """Write these down, in place of those before; does nothing when they are the same."""
        said = _said(jobs)
        if said == self._noted:
            return
        self._noted = said
        with contextlib.suppress(OSError):
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w+b")
                lock_if_free(self._file.fileno())
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(said).encode())
            self._file.flush()

    def close(self) -> None:
        """Blender ends as it should."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with contextlib.suppress(OSError):
                self._path.unlink()


def take_left_jobs(folder: Path) -> list[JobView]:
    """The jobs that were left, oldest first, then those of Blenders that were killed; all are forgotten here."""
    said = [*_read(folder), *_of_killed(folder)]
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


def _said(jobs: Sequence[JobView]) -> list[dict[str, Any]]:
    return [
        {"id": job.job_id, "kind": job.kind, "prompt": job.prompt, "seed": job.seed, "is_look": bool(job.look)}
        for job in jobs
    ]


def _read(folder: Path) -> list[Any]:
    try:
        return _as_list((folder / NAME).read_bytes())
    except OSError:
        return []


def _of_killed(folder: Path) -> list[Any]:
    found = []
    for path in sorted((folder / UNDER_WAY).glob("*.json")):
        with contextlib.suppress(OSError):
            with path.open("r+b") as file:
                if not lock_if_free(file.fileno()):
                    continue
                found += _as_list(file.read())
            path.unlink()
    return found


def _as_list(text: bytes) -> list[Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return []
    return said if isinstance(said, list) else []
