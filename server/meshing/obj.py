"""Wavefront OBJ with its material library: the format that everything reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.export import ROUGHNESS, y_up
from server.meshing.exr import exr_bytes
from server.meshing.names import word
from server.meshing.neighbours import choose_material, choose_names, notes
from server.meshing.tangents import smooth_normals
from server.png import png_bytes

LIBRARY, ALBEDO, NORMAL, NORMAL_NUMBERS = ".mtl", "-albedo.png", "-normal.png", "-normal.exr"


def obj_files(mesh: MeshArrays, path: Path, name: str = "mesh", texture: Texture | None = None) -> dict[Path, bytes]:
    """The .obj `path` and, beside it, an .mtl and with a texture its maps: {file: content}, the .obj first. Y up.

    Files beside the .obj have plain names of their own, which belong to nothing else that is there now; see
    neighbours.py. (Only an .obj with a backslash in its name is beyond Blender, which takes that for a folder's end.)

    Without a texture, colours are written at the vertices, after the position, in sRGB. Several programs read them;
    Blender's importer does not lead them to the material. With a texture they would darken it in some programs.
    """
    endings = (LIBRARY,) if texture is None else (LIBRARY, ALBEDO, NORMAL, NORMAL_NUMBERS)
    names = choose_names(path, endings)
    material = choose_material(path, names[LIBRARY], word(name))
    contents = {LIBRARY: _material(material, names)}
    if texture is not None:
        contents[ALBEDO], contents[NORMAL] = png_bytes(texture.albedo), png_bytes(texture.normal)
        contents[NORMAL_NUMBERS] = exr_bytes(texture.normal / np.float32(255))
    beside = {names[ending]: contents[ending] for ending in endings}
    lines = ["# Blender MSD", *notes(beside), f"mtllib {names[LIBRARY]}", f"o {word(name)}"]
    lines += _body(mesh, material, texture)
    files = {path: "\n".join([*lines, ""]).encode()}
    return files | {path.with_name(file): content for file, content in beside.items()}


def _body(mesh: MeshArrays, material: str, texture: Texture | None) -> Iterable[str]:
    # Nine digits tell every 32-bit float from the next.
    if texture is None:
        coloured = np.concatenate([y_up(mesh.position), mesh.colour[:, :3] / np.float32(255)], 1)
        yield from _rows("v %.9g %.9g %.9g %.4g %.4g %.4g", coloured)
    else:
        yield from _rows("v %.9g %.9g %.9g", y_up(mesh.position))
    yield from _rows("vn %.5g %.5g %.5g", y_up(smooth_normals(mesh.position, mesh.triangle)))
    yield from (f"usemtl {material}", "s 1")
    vertex = mesh.triangle.astype(np.int64) + 1
    if texture is None:
        yield from _rows("f %d//%d %d//%d %d//%d", np.repeat(vertex, 2, axis=1))
        return
    places, place = np.unique(texture.uv.reshape(-1, 2), axis=0, return_inverse=True)
    yield from _rows("vt %.9g %.9g", places)
    place = place.reshape(-1, 3) + 1
    yield from _rows("f %d/%d/%d %d/%d/%d %d/%d/%d", np.stack([vertex, place, vertex], -1).reshape(-1, 9))


def _rows(layout: str, values: np.ndarray) -> Iterable[str]:
    return (layout % tuple(row) for row in values.tolist())


def _material(name: str, names: dict[str, str]) -> bytes:
    # In the words that Blender writes for a dielectric of this roughness: its specular level of .5 is the reflectance
    # of .04 that glTF gives to everything, and Ns runs to 1000 with the square of what is not rough. Readers of
    # physically based materials look at Pr and Pm instead.
    shine = round(1000 * (1 - ROUGHNESS) ** 2)
    lines = [f"newmtl {name}", "Kd 1 1 1", "Ks 0.5 0.5 0.5", f"Ns {shine}", "Ni 1.5", "d 1", "illum 2"]
    lines += [f"Pr {ROUGHNESS}", "Pm 0"]
    if NORMAL in names:
        # `norm` is for readers that know it. Blender knows only map_Bump, and takes a PNG there for colours in sRGB but
        # OpenEXR for the numbers they are; readers that expect heights there cannot read this kind of file at all.
        lines += [f"map_Kd {names[ALBEDO]}", f"norm {names[NORMAL]}", f"map_Bump -bm 1 {names[NORMAL_NUMBERS]}"]
    return "\n".join(["# Blender MSD", *lines, ""]).encode()
