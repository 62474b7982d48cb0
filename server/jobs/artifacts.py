"""A job's files: where they lie, which names are safe, and how live ones are written and pruned."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from server.errors import JobFailed, disk_problem
from server.files import replaced
from server.jobs.events import LIVE_FILES_KEPT
from server.jobs.refusals import Conflict

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def job_folder(data_dir: Path, job_id: str) -> Path:
    return data_dir / "jobs" / job_id


def find_artifact(folder: Path, name: str) -> Path | None:
    """The finished file of that name directly in `folder`; None for anything else, links and hidden files included, and
    everything in a folder that is a link itself."""
    if not _SAFE_NAME.fullmatch(name) or folder.is_symlink():
        return None
    path = folder / name
    return path if path.is_file() and not path.is_symlink() else None


def check_is_no_link(folder: Path) -> None:
    """Raises JobFailed: somebody put a link where a job's folder goes, and its files would end up elsewhere."""
    if folder.is_symlink():
        hint = "Remove the link, then retry the job."
        raise JobFailed("file-unusable", f"The job's folder {folder} is a link to somewhere else.", hint)


def finished_report(folder: Path) -> dict[str, Any] | None:
    """The report of a job whose files are all there; it is the last of them."""
    try:
        check_is_no_link(folder)
        report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        return report if all((folder / name).is_file() for name in report["artifacts"]) else None
    except (OSError, ValueError, LookupError, TypeError, JobFailed):
        return None


def remove_files(folder: Path) -> None:
    """Remove a job's folder; of one that is a link, the link. Raises Conflict when something of it stays."""
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = disk_problem(error)
        raise Conflict(problem.code, f"Not deleted: {problem.message}", "Mend its rights, then try again.") from None


class LiveFiles:
    """Numbered files "prefix-0001.npz", "prefix-0002.npz", ...; only the newest few stay on disk."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        # An earlier run's names are known to readers: they would take a new file for one that they have.
        numbers = [path.stem.removeprefix(f"{prefix}-") for path in folder.glob(f"{prefix}-*.npz")]
        self._written = max((int(number) for number in numbers if number.isdecimal()), default=0)

    @contextmanager
    def open_next(self) -> Iterator[tuple[str, BinaryIO]]:
        """The name of the next file, and the file to fill; it is seen either whole or not at all."""
        self._written += 1
        name = self._name(self._written)
        with replaced(self._folder / name) as file:
            yield name, file
        if self._written > LIVE_FILES_KEPT:
            (self._folder / self._name(self._written - LIVE_FILES_KEPT)).unlink(missing_ok=True)

    def _name(self, number: int) -> str:
        return f"{self._prefix}-{number:04d}.npz"
