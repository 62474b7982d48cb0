"""A trained field on disk: what is needed to mesh it again, in one safetensors file."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from server.errors import BadRequest, Problem
from server.generators.radiance_field.field import Blob, RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape, grid_levels
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.recipe import Recipe, read_recipe
from server.studio.kept_names import FIELD
from server.studio.tensor_files import read_tensors, write_tensors

FORMAT = 1
AXES = "Z up, front towards +X, inside the unit ball"


@dataclass(frozen=True)
class KeptField:
    """A field as it was when its optimisation ended.

    Attributes:
        occupied: bool [K, K, K] on the CPU, the cells that rays sampled.
        recipe: of the job that made it.
        fixed_light: whether its colours have the light of the priors' pictures in them.
    """

    field: RadianceField
    occupied: Tensor
    recipe: Recipe
    fixed_light: bool = False


def save_field(
    path: Path, field: RadianceField, occupancy: OccupancyGrid, recipe: Recipe, fixed_light: bool = False
) -> None:
    """Write `path`, whole or not at all. The file does not depend on the device or the hash grid's implementation."""
    tensors = {
        "grid": field.grid.table,
        "occupied": occupancy.cells,
        **{f"decoder.{name}": value for name, value in field.decoder.state_dict().items()},
        **({} if field.tone is None else {"tone": field.tone}),
    }
    about = {
        "format": FORMAT,
        "axes": AXES,
        "shape": asdict(field.grid.shape),
        "blob": asdict(field.blob),
        "hidden": len(tensors["decoder.0.weight"]),
        "fixed_light": fixed_light,
        "recipe": recipe.model_dump(mode="json"),
    }
    write_tensors(path, tensors, about)


def relabel(path: Path, recipe: Recipe) -> None:
    """Say in a file of `save_field` that this is the recipe of the field's mesh."""
    about, tensors = read_tensors(path)
    write_tensors(path, tensors, {**about, "recipe": recipe.model_dump(mode="json")})


def load_field(path: Path, device: str = "cpu") -> KeptField:
    """What `save_field` wrote.

    Raises:
        BadRequest: "checkpoint-missing" or "checkpoint-unreadable".
    """
    if not os.path.isfile(path):
        raise BadRequest("checkpoint-missing", f"There is no file {path}.", f"Jobs keep their field as {FIELD}.")
    try:
        return _rebuild(*read_tensors(path), device)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, ArithmeticError, AttributeError, Problem) as error:
        hint = "It may be damaged, or written by another version."
        raise BadRequest("checkpoint-unreadable", f"{path.name} holds no field ({error}).", hint) from None


def _rebuild(about: dict[str, Any], tensors: dict[str, Tensor], device: str) -> KeptField:
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}, not {FORMAT}")
    shape = HashGridShape(**about["shape"])
    occupied = tensors["occupied"]
    if occupied.dtype != torch.bool or occupied.dim() != 3 or len({*occupied.shape}) != 1 or not len(occupied):
        raise ValueError("its occupied cells are no cube")
    # Before anything of that size is made.
    if shape.width != tensors["decoder.0.weight"].shape[1]:
        raise ValueError("its decoder reads another grid")
    last = grid_levels(shape)[-1]
    if tensors["grid"].shape != (last.offset + last.size, shape.features):
        raise ValueError("its grid does not have the size of its shape")
    # Files that name no blob were made when there was one alone.
    blob = Blob(**about.get("blob", {}))
    if not all(isinstance(number, float) and math.isfinite(number) for number in (blob.peak, blob.falloff)):
        raise ValueError("its first density is none")
    field = RadianceField(shape, torch.Generator().manual_seed(0), device, about["hidden"], blob)
    with torch.no_grad():
        field.grid.table.copy_(tensors["grid"])
    decoder = {name.removeprefix("decoder."): value for name, value in tensors.items() if name.startswith("decoder.")}
    field.decoder.load_state_dict(decoder)
    if "tone" in tensors:
        field.tone = tensors["tone"].to(device)
        if field.tone.shape != (3, 4):
            raise ValueError("its tone is no map of colours")
    # Files that do not say whether there is light in their colours are meshed as they were then.
    fixed_light = about.get("fixed_light", False) is True
    return KeptField(field, occupied, read_recipe(about["recipe"]), fixed_light)
