"""How a result looks, in a picture so small that a grid of hundreds can be shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import read_npz, read_texture
from server.meshing.given import GivenMesh
from server.meshing.pictures import render
from server.meshing.shelf import MESHES
from server.png import write_png
from server.recipe import Recipe
from server.studio.kept_names import THUMBNAIL
from server.studio.material import COLOUR
from server.studio.mesh_files import MAPS
from server.studio.sides import AZIMUTHS
from server.world.views import Views

# Pixels along the longest side.
SIDE = 128
# From the front and a little above, turned so far that a side is seen, too.
AZIMUTH, ELEVATION = 30.0, 20.0
_EVEN = np.array([[[128, 128, 255]]], np.uint8)


def write_thumbnail(recipe: Recipe, folder: Path, meshes: Path | None = None) -> None:
    """Write THUMBNAIL beside the finished files in `folder`: of a mesh on nothing (RGBA), of a texture the whole tile.

    Args:
        meshes: folder of the mesh that a "retexture" names.

    Raises:
        OSError: it cannot be written.
    """
    write_png(folder / THUMBNAIL, _picture(recipe, folder, meshes))


def _picture(recipe: Recipe, folder: Path, meshes: Path | None) -> NDArray[np.uint8]:
    if recipe.kind == "texture":
        return _tile(folder)
    view = Views.orbit([AZIMUTH], ELEVATION)
    if recipe.kind == "mesh":
        file = folder / "mesh.npz"
        texture = read_texture(file, *(folder / name for name in MAPS))
        return render(read_npz(file), view, SIDE, texture=texture, clear=True)[0]
    with Image.open(folder / COLOUR) as picture:
        return _painted(MESHES.get(meshes, recipe.retexture.mesh), np.asarray(picture), view, SIDE)[0]


def painted_sides(mesh: GivenMesh, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [SIDE, SIDE, 4]: a mesh with this picture on it, as server.studio.sides shows an object that forms."""
    front, right, back, left = _painted(mesh, picture, Views.orbit(AZIMUTHS), SIDE // 2)
    return np.concatenate([np.concatenate([front, right], 1), np.concatenate([back, left], 1)])


def _painted(mesh: GivenMesh, picture: NDArray[np.uint8], views: Views, side: int) -> list[NDArray[np.uint8]]:
    white = np.full((len(mesh.position), 4), 255, np.uint8)
    arrays = MeshArrays(mesh.position, mesh.triangle, white)
    return render(arrays, views, side, texture=Texture(mesh.uv, picture, _EVEN), clear=True)


def _tile(folder: Path) -> NDArray[np.uint8]:
    with Image.open(folder / COLOUR) as tile:
        tile.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return np.asarray(tile)
