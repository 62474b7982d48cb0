"""How much of the disk the files of jobs may take, and what goes first when it is more."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from server.jobs.artifacts import job_folder
from server.jobs.events import ACTIVE
from server.jobs.store import Store
from server.studio.kept_names import ASIDE, STATE, SUFFIX

# What is left of a job whose files went: how it was made and looked, some twenty kilobytes.
NEVER = ("recipe.json", "report.json", "thumbnail.png")
# The field of a mesh, from which it can be meshed again.
FIELD = "field.safetensors"
# What goes before results do, in this order.
SPARE = ({STATE}, {STATE, FIELD})
_LOG = logging.getLogger(__name__)


class Quota:
    """The files of jobs that are over make room: states of runs that nobody goes on with first, then the states that
    could be given more steps, then fields that can be meshed again, then results; of each the oldest first. Starred
    jobs lose nothing, nor do jobs that are not over.

    Args:
        most_bytes: of all files of jobs together; None: any number.
    """

    def __init__(self, store: Store, data_dir: Path, most_bytes: int | None) -> None:
        self._store = store
        self._data_dir = data_dir
        self._most = most_bytes
        self._complained = False

    def keep(self) -> None:
        """Remove what has to go. Raises StoreFault."""
        unfinished = self._data_dir / "unfinished"
        if not self._store.in_states(["queued", "paused", *ACTIVE]):
            _take_back(unfinished)
        if self._most is None:
            return
        excess = _bytes_below(unfinished) + _bytes_below(self._data_dir / "jobs") - self._most
        if excess > 0:
            excess -= self._drop_runs(unfinished, excess)
        for spare in (*SPARE, None):
            for job_id in self._store.removable() if excess > 0 else ():
                if excess > 0:
                    excess -= self._drop_files(job_id, spare)
        if excess > 0 and not self._complained:
            _LOG.warning(
                "what is left is over the quota by %d bytes: it is starred, or of jobs that are not over", excess
            )
        self._complained = excess > 0

    def _drop_runs(self, folder: Path, excess: int) -> int:
        """Returns the bytes that are free then."""
        since = min((self._store.get(job_id).started or 0.0 for job_id in self._store.in_states(ACTIVE)), default=None)
        freed = 0
        for path, found in sorted(_files(folder), key=lambda file: file[1].st_mtime):
            is_in_use = since is not None and found.st_mtime >= since
            if freed < excess and path.suffix == SUFFIX and not is_in_use:
                freed += _unlink(path, found)
                _LOG.info("removed the state of a run that was given up, for the quota: %s", path.name)
        return freed

    def _drop_files(self, job_id: str, spare: set[str] | None) -> int:
        """Only those of these names; None: all of them. Returns the bytes that are free then."""
        folder = job_folder(self._data_dir, job_id)
        going = [
            (path, found)
            for path, found in _files(folder)
            if path.name not in NEVER and (spare is None or path.name in spare)
        ]
        # Noted first: a file that is said to be gone and is there harms nobody.
        if not going or not self._store.note_removed(job_id, [path.name for path, _ in going]):
            return 0
        freed = sum(_unlink(path, found) for path, found in going)
        _LOG.info("removed %d files, %d bytes, for the quota", len(going), freed, extra={"job": job_id})
        return freed


def _take_back(folder: Path) -> None:
    """Nobody will go on for sure any more."""
    for path, _ in _files(folder):
        if path.name.endswith(SUFFIX + ASIDE):
            with contextlib.suppress(OSError):
                path.replace(path.with_name(path.name.removesuffix(ASIDE)))


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Those directly in a folder, links left out; none when it is not there, or a link itself."""
    if folder.is_symlink():
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path), entry.stat(follow_symlinks=False)


def _bytes_below(folder: Path) -> int:
    """Of the files in a folder and in the folders in it."""
    total = sum(found.st_size for _, found in _files(folder))
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        inner = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        total += sum(found.st_size for path in inner for _, found in _files(path))
    return total


def _unlink(path: Path, found: os.stat_result) -> int:
    try:
        path.unlink()
    except OSError:
        return 0
    return found.st_size
