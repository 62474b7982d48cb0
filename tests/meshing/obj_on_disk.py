"""An .obj and its neighbours, as the command line leaves them on disk."""

from __future__ import annotations

from pathlib import Path

from server.files import write_together
from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.obj import obj_files


def write_obj(mesh: MeshArrays, path: Path, name: str = "mesh", texture: Texture | None = None) -> list[Path]:
    """Write them; returns all of them, the .obj first."""
    files = obj_files(mesh, path, name, texture)
    write_together(files)
    return list(files)
