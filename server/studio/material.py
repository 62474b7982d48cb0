"""The files of a texture: its colour and the maps that are estimated from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from server.generators.picture import seam_ratio
from server.materials.borders import Borders
from server.materials.cutting import begun_at, ordinary_cut
from server.materials.maps import derive
from server.materials.names import map_path
from server.png import write_png
from server.recipe import Recipe

COLOUR = "texture.png"


def write_material(colour: Tensor, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Write texture.png and, for every map of the recipe, texture_MAP.png.

    Maps that repeat begin, together with the colour, where none of them shows a seam.

    Args:
        colour: [3, H, W] in [0, 1]; repeats as the recipe says.

    Returns:
        {"seam_ratio", "map_seam_ratios": {map: ratio}, "artifacts"}
    """
    texture = recipe.texture
    pixels: dict[str, NDArray[Any]] = {COLOUR: to_bytes(colour)}
    if texture.maps:
        borders = Borders(texture.tile_x, texture.tile_y)
        values = colour.clamp(0, 1).permute(1, 2, 0).contiguous().cpu().numpy()
        maps = derive(values, borders, texture.maps, texture.normals)
        pixels |= {map_path(Path(COLOUR), name).name: maps.pop(name) for name in texture.maps}
        cut = ordinary_cut(list(pixels.values()), borders)
        pixels = {name: begun_at(values, cut) for name, values in pixels.items()}
    for name, values in pixels.items():
        write_png(folder / name, values, recipe.model_dump_json())
    ratios = [round(_seam_ratio(values), 4) for values in pixels.values()]
    of_maps = dict(zip(texture.maps, ratios[1:], strict=True))
    return {"seam_ratio": ratios[0], "map_seam_ratios": of_maps, "artifacts": list(pixels)}


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """[3, H, W] in [0, 1] -> uint8 [H, W, 3]."""
    pixels: NDArray[np.uint8] = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(pixels)


def _seam_ratio(values: NDArray[Any]) -> float:
    channels = np.moveaxis(np.atleast_3d(values), -1, 0)
    return seam_ratio(torch.from_numpy(channels.astype(np.float32)))
