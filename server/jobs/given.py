"""What artists bring and recipes name: meshes that are textured, and pictures that textures begin as."""

from __future__ import annotations

from pathlib import Path

from server.errors import BadRequest
from server.images import MOST_BYTES as MOST_IMAGE_BYTES
from server.images import PICTURES, read_image
from server.jobs.artifacts import job_folder
from server.meshing.given import MOST_BYTES as MOST_MESH_BYTES
from server.meshing.given import read_given
from server.meshing.shelf import MESHES
from server.recipe import Recipe
from server.shelf import digest_of

__all__ = ["MOST_IMAGE_BYTES", "MOST_MESH_BYTES", "check_given", "given_folder", "keep_image", "keep_mesh", "places_of"]

_AGAIN = "Send it again, under the SHA-256 of its bytes."


def given_folder(data_dir: Path) -> Path:
    return data_dir / "given"


def places_of(data_dir: Path, job_id: str) -> dict[str, str]:
    """Where a worker finds what it needs for a job, and puts what it makes."""
    places = {
        "folder": job_folder(data_dir, job_id),
        "unfinished": data_dir / "unfinished",
        "given": given_folder(data_dir),
    }
    return {name: str(place.absolute()) for name, place in places.items()}


def keep_mesh(data_dir: Path, digest: str, data: bytes) -> int:
    """Check and keep the file of a mesh. Returns how many faces it has.

    Raises:
        BadRequest: "mesh-unreadable" when it is not of that SHA-256; or as `read_given`.
        OSError: it cannot be written.
    """
    if digest_of(data) != digest:
        raise BadRequest("mesh-unreadable", "The mesh did not arrive as it was sent.", _AGAIN)
    mesh = read_given(data)
    MESHES.put(given_folder(data_dir), data)
    return len(mesh.triangle)


def keep_image(data_dir: Path, digest: str, data: bytes) -> tuple[int, int]:
    """Check and keep the file of a picture. Returns its width and height.

    Raises:
        BadRequest: "image-unreadable" when it is not of that SHA-256; or as `read_image`.
        OSError: it cannot be written.
    """
    if digest_of(data) != digest:
        raise BadRequest("image-unreadable", "The picture did not arrive as it was sent.", _AGAIN)
    height, width = read_image(data).shape[:2]
    PICTURES.put(given_folder(data_dir), data)
    return width, height


def check_given(data_dir: Path, recipe: Recipe) -> None:
    """Raises BadRequest "mesh-missing" or "image-missing" when the recipe names what is not there."""
    folder = given_folder(data_dir)
    if recipe.kind == "retexture" and not MESHES.has(folder, recipe.retexture.mesh):
        raise MESHES.missing()
    source = recipe.texture.source
    named = [source.image, source.mask] if recipe.kind == "texture" else []
    if not all(PICTURES.has(folder, name) for name in named if name):
        raise PICTURES.missing()
