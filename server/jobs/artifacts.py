"""A job's files: where they lie, which names are safe, and how live ones are written and pruned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from server.files import replaced
from server.jobs.events import LIVE_FILES_KEPT

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def job_folder(data_dir: Path, job_id: str) -> Path:
    return data_dir / "jobs" / job_id


def find_artifact(folder: Path, name: str) -> Path | None:
    """The finished file of that name directly in `folder`; None for anything else, links and hidden files included."""
    if not _SAFE_NAME.fullmatch(name):
        return None
    path = folder / name
    return path if path.is_file() and not path.is_symlink() else None


class LiveFiles:
    """Numbered files "prefix-0001.npz", "prefix-0002.npz", ...; only the newest few stay on disk."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._written = 0

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
