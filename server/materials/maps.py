"""The maps of a material, estimated from the colour of its surface, as they are written into files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.materials import gloss, relief
from server.materials.borders import Borders, Floats
from server.recipe import MapName, NormalFormat

Map = NDArray[Any]


def derive(colour: Floats, borders: Borders, names: Collection[MapName], normals: NormalFormat) -> dict[str, Map]:
    """The named maps; they repeat where the colour does.

    Args:
        colour: [H, W, 3] in [0, 1], as on a screen.
        normals: in which of them green is up, and in which down.

    Returns:
        uint8 [H, W, 3] of "albedo", "normal" and "orm" (ambient occlusion, roughness, metallic), uint8 [H, W] of "ao",
        "roughness" and "metallic", and uint16 [H, W] of "height".
    """
    height, albedo = relief.height_and_albedo(colour, borders)
    made: dict[str, Map] = {}
    if "normal" in names:
        made["normal"] = _normal_map(relief.normals(height, borders), normals)
    if {"ao", "roughness", "orm"} & set(names):
        lit = relief.occlusion(height, borders)
        made["ao"] = _bytes(lit)
        made["roughness"] = _bytes(gloss.roughness(albedo, lit, borders))
    if "metallic" in names:
        made["metallic"] = _bytes(gloss.metallic(albedo))
    if "orm" in names:
        # What nobody said is metal is none.
        metallic = made.get("metallic", np.zeros(height.shape, np.uint8))
        made["orm"] = np.stack([made["ao"], made["roughness"], metallic], -1)
    if "albedo" in names:
        made["albedo"] = _bytes(albedo)
    if "height" in names:
        made["height"] = np.rint(height * np.float32(65535)).astype(np.uint16)
    return {name: made[name] for name in names}


def _normal_map(vectors: Floats, format: NormalFormat) -> Map:
    if format == "directx":
        vectors[..., 1] *= -1
    # Where it lies: of a large tile, every copy is hundreds of megabytes.
    vectors *= 0.5
    vectors += 0.5
    return _bytes(vectors)


def _bytes(values: Floats) -> Map:
    scaled = values * np.float32(255)
    return np.rint(scaled, out=scaled).astype(np.uint8)
