"""Wavefront OBJ with its material library: the format that everything reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from server.meshing.baking import Texture
from server.meshing.export import ROUGHNESS, write_maps, y_up
from server.meshing.tangents import smooth_normals
from server.studio.events import MeshArrays


def write_obj(mesh: MeshArrays, path: Path, name: str = "mesh", texture: Texture | None = None) -> list[Path]:
    """Write `path`, and beside it an .mtl and, with a texture, its two maps as PNG, named after it. Y up.

    Colours are written at the vertices, too (after the position, in sRGB): several programs read them.

    Returns:
        Every file written, the .obj first.
    """
    stem = path.with_suffix("")
    library = path.with_suffix(".mtl")
    maps = [] if texture is None else [stem.with_name(f"{stem.name}-{kind}.png") for kind in ("albedo", "normal")]
    lines = [f"mtllib {library.name}", f"o {_word(name)}"]
    coloured = np.concatenate([y_up(mesh.position), mesh.colour[:, :3] / np.float32(255)], 1)
    lines += _rows("v %.6g %.6g %.6g %.4g %.4g %.4g", coloured)
    lines += _rows("vn %.5g %.5g %.5g", y_up(smooth_normals(mesh.position, mesh.triangle)))
    vertex = mesh.triangle.astype(np.int64) + 1
    lines += [f"usemtl {_word(name)}", "s 1"]
    if texture is None:
        lines += _rows("f %d//%d %d//%d %d//%d", np.repeat(vertex, 2, axis=1))
    else:
        places, place = np.unique(texture.uv.reshape(-1, 2), axis=0, return_inverse=True)
        lines += _rows("vt %.6f %.6f", places)
        place = place.reshape(-1, 3) + 1
        lines += _rows("f %d/%d/%d %d/%d/%d %d/%d/%d", np.stack([vertex, place, vertex], -1).reshape(-1, 9))
        write_maps(texture, *maps)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    library.write_text(_material(name, maps), encoding="utf-8")
    return [path, library, *maps]


def _rows(layout: str, values: np.ndarray) -> Iterable[str]:
    return [layout % tuple(row) for row in values.tolist()]


def _material(name: str, maps: list[Path]) -> str:
    lines = [f"newmtl {_word(name)}", "Kd 1 1 1", "Ks 0.04 0.04 0.04", f"Pr {ROUGHNESS}", "Pm 0", "d 1", "illum 2"]
    if maps:
        # Not map_Bump: some take that for heights, and Blender for a normal map in sRGB; both would shade wrong.
        albedo, normal = (path.name for path in maps)
        lines += [f"map_Kd {albedo}", f"norm {normal}"]
    return "\n".join(lines) + "\n"


def _word(name: str) -> str:
    """Names end at the first blank in some readers."""
    return "_".join(name.split()) or "mesh"
