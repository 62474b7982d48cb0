"""Whether a model on disk is still the one that was looked at, found out without opening a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from server.priors.pretrained.vocabularies import vocabulary_files

if TYPE_CHECKING:
    from server.priors.listed import ListedPrior


class Memory:
    """What was found out about models, each kept until one of its files changes.

    Holds a digest and a `ListedPrior` of every model of the last look, no more. For one thread.
    """

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[bytes, ListedPrior]] = {}
        self._seen: dict[Path, tuple[bytes, ListedPrior]] = {}
        # By folder: files that lie together find the same vocabularies.
        self._vocabularies: dict[Path, bytes] = {}

    def recall(self, path: Path, look: Callable[[], ListedPrior]) -> ListedPrior:
        """What `look` said, or says now if a file of the model at `path` changed or was never looked at."""
        # Before the look: a file that changes meanwhile will differ from its stamp the next time.
        stamp = self._stamp(path)
        kept = self._kept.get(path)
        prior = kept[1] if kept is not None and kept[0] == stamp else look()
        self._seen[path] = (stamp, prior)
        return prior

    def begin(self, look_at_unusable: bool) -> None:
        """A look begins.

        Args:
            look_at_unusable: whether to open what could not be used again, even unchanged: what was wrong with it may
                have been the disk's fault.
        """
        self._seen = {}
        self._vocabularies = {}
        if look_at_unusable:
            self._kept = {path: kept for path, kept in self._kept.items() if kept[1].usable}

    def end(self) -> None:
        """The look is over: whatever it did not meet is forgotten."""
        self._kept, self._seen = self._seen, {}

    def _stamp(self, path: Path) -> bytes:
        if os.path.isdir(path):
            return stamp_of_files(_files_of_folder(path))
        if path.parent not in self._vocabularies:
            self._vocabularies[path.parent] = stamp_of_files(vocabulary_files(path))
        return stamp_of_files(_files_of_single(path)) + self._vocabularies[path.parent]


def stamp_of_model(path: Path) -> bytes:
    """Tells whether one of a model's files was changed; of a single file also those that it is read with."""
    if os.path.isdir(path):
        return stamp_of_files(_files_of_folder(path))
    return stamp_of_files(_files_of_single(path)) + stamp_of_files(vocabulary_files(path))


def _files_of_single(path: Path) -> list[Path]:
    return [path, path.with_suffix(".yaml")]


def _files_of_folder(path: Path) -> Iterator[Path]:
    """The folder, its files and those of its subfolders; a model has none deeper."""
    yield path
    for entry in _inside(path):
        yield Path(entry.path)
        if entry.is_dir():
            yield from (Path(below.path) for below in _inside(entry))


def _inside(folder: Path | os.DirEntry[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def stamp_of_files(files: Iterator[Path] | list[Path]) -> bytes:
    """16 bytes that tell whether a file came, went, or got another size, time of change or permissions."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            found = file.stat()
        except (OSError, ValueError):
            continue
        digest.update(os.fsencode(file) + repr((found.st_size, found.st_mtime_ns, found.st_mode)).encode())
    return digest.digest()
