"""Files that recipes name, in one folder, each under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from server.errors import BadRequest
from server.files import write_bytes

# Of one kind the newest stay; whoever wants an older one again sends it again.
MOST_KEPT = 32

T = TypeVar("T")


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Shelf(Generic[T]):
    """Files of one kind; several kinds may share a folder.

    Attributes:
        suffix: of their names, with the dot.
        read: what makes something of a file. May raise BadRequest.
        missing: the refusal where a file is not there.
    """

    suffix: str
    read: Callable[[Path], T]
    missing: Callable[[], BadRequest]

    def put(self, folder: Path, data: bytes) -> str:
        """Keep a file that `read` takes, and drop the oldest of too many. Returns its digest.

        Raises:
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        name = digest_of(data)
        path = folder / f"{name}{self.suffix}"
        if path.is_file():
            os.utime(path)
        else:
            write_bytes(path, data)
        by_age = sorted(folder.glob(f"*{self.suffix}"), key=lambda kept: kept.stat().st_mtime)
        for old in by_age[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
        return name

    def has(self, folder: Path, name: str) -> bool:
        return self._find(folder, name) is not None

    def get(self, folder: Path | None, name: str) -> T:
        """What the file of that digest holds. Raises BadRequest, as `missing` or as `read`."""
        path = self._find(folder, name)
        if path is None:
            raise self.missing()
        return self.read(path)

    def _find(self, folder: Path | None, name: str) -> Path | None:
        path = None if folder is None or not name else folder / f"{name}{self.suffix}"
        return path if path is not None and path.is_file() else None
