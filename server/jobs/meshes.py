"""The meshes that jobs texture, in the data folder."""

from __future__ import annotations

from pathlib import Path

from server.errors import BadRequest
from server.jobs.artifacts import job_folder
from server.meshing import shelf
from server.meshing.given import MOST_BYTES as MOST_MESH_BYTES
from server.meshing.given import read_given

__all__ = ["MOST_MESH_BYTES", "check_mesh_is_here", "keep_mesh", "mesh_folder", "places_of"]


def mesh_folder(data_dir: Path) -> Path:
    return data_dir / "meshes"


def places_of(data_dir: Path, job_id: str) -> dict[str, str]:
    """Where a worker finds what it needs for a job, and puts what it makes."""
    places = {
        "folder": job_folder(data_dir, job_id),
        "unfinished": data_dir / "unfinished",
        "meshes": mesh_folder(data_dir),
    }
    return {name: str(place.absolute()) for name, place in places.items()}


def keep_mesh(data_dir: Path, digest: str, data: bytes) -> int:
    """Check and keep the file of a mesh. Returns how many faces it has.

    Raises:
        BadRequest: "mesh-unreadable" when it is not of that SHA-256; or as `read_given`.
        OSError: it cannot be written.
    """
    if shelf.digest_of(data) != digest:
        hint = "Send it again, under the SHA-256 of its bytes."
        raise BadRequest("mesh-unreadable", "The mesh did not arrive as it was sent.", hint)
    mesh = read_given(data)
    shelf.put(mesh_folder(data_dir), data)
    return len(mesh.triangle)


def check_mesh_is_here(data_dir: Path, digest: str) -> None:
    """Raises BadRequest "mesh-missing"."""
    if not shelf.has(mesh_folder(data_dir), digest):
        raise shelf.missing()
