"""How much of the disk the files of jobs may take, and what goes first when it is more."""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from server.jobs.artifacts import job_folder
from server.jobs.events import ACTIVE
from server.jobs.store import Store
from server.studio.kept_names import ASIDE, FIELD, MOST_KEPT, STATE, SUFFIX, THUMBNAIL

# What is left of a job whose files went: how it was made and looked, some twenty kilobytes.
NEVER = ("recipe.json", "report.json", THUMBNAIL)
# What goes before results do, in this order.
SPARE = ({STATE}, {STATE, FIELD})
_LOG = logging.getLogger(__name__)


class Quota:
    """The files of jobs that are over make room: states of runs that nobody goes on with first, then the states that
    could be given more steps, then fields that can be meshed again, then results; of each the oldest first. Starred
    jobs lose nothing, nor do jobs that are not over. What jobs share counts once, is as old as the youngest of them,
    and goes from all of them together or not at all.

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
        excess = 0
        if self._most is not None:
            excess = _bytes_below(unfinished) + _bytes_below(self._data_dir / "jobs") - self._most
        excess -= self._drop_runs(unfinished, excess)
        for spare in (*SPARE, None):
            removable = self._store.removable() if excess > 0 else []
            names = self._names_of_files(removable)
            for job_id in removable:
                if excess > 0:
                    excess -= self._drop_files(job_id, spare, names)
        if excess > 0 and not self._complained:
            _LOG.warning(
                "what is left is over the quota by %d bytes: it is starred, or of jobs that are not over", excess
            )
        self._complained = excess > 0

    def _drop_runs(self, folder: Path, excess: int) -> int:
        """As many as free so many bytes, and all but the newest MOST_KEPT. Returns the bytes that are free then."""
        # What was begun goes on from there, also when its worker died and it is queued again. States of paused jobs
        # have another name.
        begun = [job for job in map(self._store.get, self._store.in_states(["queued", *ACTIVE])) if job.attempts]
        since = min((job.created for job in begun), default=math.inf)
        given_up = [file for file in _files(folder) if file[0].suffix == SUFFIX and file[1].st_mtime < since]
        given_up.sort(key=lambda file: file[1].st_mtime)
        freed = 0
        for number, (path, _) in enumerate(given_up):
            if freed < excess or number < len(given_up) - MOST_KEPT:
                freed += _unlink(path)
                _LOG.info("removed the state of a run that was given up: %s", path.name)
        return freed

    def _names_of_files(self, jobs: Sequence[str]) -> dict[tuple[int, int], list[tuple[str, Path]]]:
        """For every file in the folders of these jobs, which of them have it, in their order, and where."""
        names: dict[tuple[int, int], list[tuple[str, Path]]] = defaultdict(list)
        for job_id in jobs:
            for path, found in _files(job_folder(self._data_dir, job_id)):
                names[_identity(found)].append((job_id, path))
        return names

    def _drop_files(
        self, job_id: str, spare: set[str] | None, names: Mapping[tuple[int, int], list[tuple[str, Path]]]
    ) -> int:
        """Only those of these names; None: all of them. Returns the bytes that are free then."""
        going: dict[str, list[Path]] = defaultdict(list)
        for path, found in _files(job_folder(self._data_dir, job_id)):
            have = names[_identity(found)]
            # A name alone frees nothing: a file goes in the turn of the last job that has it, if no other may keep it.
            is_its_turn = have[-1][0] == job_id and len(have) == found.st_nlink
            if is_its_turn and path.name not in NEVER and (spare is None or path.name in spare):
                for holder, place in have:
                    going[holder].append(place)
        total = 0
        for holder, paths in going.items():
            # Noted first: a file that is said to be gone and is there harms nobody.
            if self._store.note_removed(holder, [path.name for path in paths]):
                total += (freed := sum(_unlink(path) for path in paths))
                _LOG.info("removed %d files, %d bytes, for the quota", len(paths), freed, extra={"job": holder})
        return total


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
                # Not the entry's own, in which Windows tells neither number nor names of a file.
                yield Path(entry.path), os.stat(entry.path, follow_symlinks=False)


def _identity(found: os.stat_result) -> tuple[int, int]:
    """Of a file, whatever it is called."""
    return found.st_dev, found.st_ino


def _bytes_below(folder: Path) -> int:
    """Of the files in a folder and in the folders in it; one with several names counts once."""
    sizes = {_identity(found): found.st_size for _, found in _files(folder)}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        inner = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        sizes |= {_identity(found): found.st_size for path in inner for _, found in _files(path)}
    return sum(sizes.values())


def _unlink(path: Path) -> int:
    """Returns the bytes that are free then: none while the file has another name."""
    try:
        found = os.stat(path, follow_symlinks=False)
        path.unlink()
    except OSError:
        return 0
    return found.st_size if found.st_nlink == 1 else 0
