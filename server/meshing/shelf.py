"""Meshes that recipes name."""

from __future__ import annotations

from pathlib import Path

from server import shelf
from server.errors import BadRequest
from server.meshing.given import GivenMesh, read_given

SUFFIX = ".npz"


def put(folder: Path, data: bytes) -> str:
    """Keep the file of a mesh that `read_given` takes; as `server.shelf.put`."""
    return shelf.put(folder, data, SUFFIX)


def has(folder: Path, name: str) -> bool:
    return shelf.find(folder, name, SUFFIX) is not None


def get(folder: Path | None, name: str) -> GivenMesh:
    """The mesh of that digest.

    Raises:
        BadRequest: "mesh-missing", or as `read_given`.
    """
    path = shelf.find(folder, name, SUFFIX)
    if path is None:
        raise missing()
    return read_given(path)


def missing() -> BadRequest:
    hint = "Send it again, then the recipe. A server keeps the newest meshes alone."
    return BadRequest("mesh-missing", "The mesh that is to be textured is not there.", hint)
