"""The files of a texture: its colour and the maps that are estimated from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from server.materials.borders import Borders
from server.materials.cutting import begun_at, ordinary_cut, steps_of
from server.materials.maps import derive
from server.materials.names import map_path
from server.png import write_png
from server.recipe import Recipe

COLOUR = "texture.png"
# Maps that are compressed at a time.
WRITERS = 2


def write_material(colour: Tensor, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Write texture.png and, for every map of the recipe, texture_MAP.png.

    Maps that repeat begin, together with the colour, where none of them shows a seam; those of a picture that was given
    begin where it does.

    Args:
        colour: [3, H, W] in [0, 1]; repeats as the recipe says.

    Returns:
        {"seam_ratio", "map_seam_ratios": {map: ratio}, "artifacts"}
    """
    texture = recipe.texture
    borders = Borders(texture.tile_x, texture.tile_y)
    pixels: dict[str, NDArray[Any]] = {COLOUR: to_bytes(colour)}
    if texture.maps:
        values = colour.permute(1, 2, 0).contiguous().clamp_(0, 1).cpu().numpy()
        del colour
        maps = derive(values, borders, texture.maps, texture.normals)
        pixels |= {map_path(Path(COLOUR), name).name: maps.pop(name) for name in texture.maps}
    cut, note = (0, 0), recipe.model_dump_json()
    # Both leave Python's lock alone while they work.
    with ThreadPoolExecutor(WRITERS) as crew:
        steps = list(crew.map(steps_of, pixels.values()))
        if texture.maps and not texture.source.image:
            cut = ordinary_cut(steps, borders)

        def write(name: str) -> None:
            write_png(folder / name, begun_at(pixels.pop(name), cut), note)

        names = list(pixels)
        list(crew.map(write, names))
    ratios = [round(float(each.seam_ratio(*cut)), 4) for each in steps]
    of_maps = dict(zip(texture.maps, ratios[1:], strict=True))
    return {"seam_ratio": ratios[0], "map_seam_ratios": of_maps, "artifacts": names}


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """[3, H, W] in [0, 1] -> uint8 [H, W, 3]."""
    pixels: NDArray[np.uint8] = image.clamp(0, 1).mul_(255).round_().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels)
