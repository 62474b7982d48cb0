"""Meshes that recipes name, in one folder, each under the SHA-256 of its file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from server.errors import BadRequest
from server.files import write_bytes
from server.meshing.given import GivenMesh, read_given

# The newest stay; whoever wants an older one again sends it again.
MOST_KEPT = 32


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(folder: Path, data: bytes) -> str:
    """Keep the file of a mesh that `read_given` takes, and drop the oldest of too many. Returns its digest.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = digest_of(data)
    path = _path(folder, name)
    if path.is_file():
        os.utime(path)
    else:
        write_bytes(path, data)
    by_age = sorted(folder.glob("*.npz"), key=lambda kept: kept.stat().st_mtime)
    for old in by_age[:-MOST_KEPT]:
        old.unlink(missing_ok=True)
    return name


def has(folder: Path, name: str) -> bool:
    return _path(folder, name).is_file()


def get(folder: Path | None, name: str) -> GivenMesh:
    """The mesh of that digest.

    Raises:
        BadRequest: "mesh-missing", or as `read_given`.
    """
    if folder is None or not has(folder, name):
        raise missing()
    return read_given(_path(folder, name))


def missing() -> BadRequest:
    hint = "Send it again, then the recipe. A server keeps the newest meshes alone."
    return BadRequest("mesh-missing", "The mesh that is to be textured is not there.", hint)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.npz"
