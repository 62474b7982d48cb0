"""Files that recipes name, in one folder, each under the SHA-256 of its bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from server.files import write_bytes

# Of one kind the newest stay; whoever wants an older one again sends it again.
MOST_KEPT = 32


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(folder: Path, data: bytes, suffix: str) -> str:
    """Keep a file, and drop the oldest of too many with its suffix. Returns its digest.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = digest_of(data)
    path = folder / f"{name}{suffix}"
    if path.is_file():
        os.utime(path)
    else:
        write_bytes(path, data)
    by_age = sorted(folder.glob(f"*{suffix}"), key=lambda kept: kept.stat().st_mtime)
    for old in by_age[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
    return name


def find(folder: Path | None, name: str, suffix: str) -> Path | None:
    """The file of that digest, if it is there."""
    path = None if folder is None or not name else folder / f"{name}{suffix}"
    return path if path is not None and path.is_file() else None
