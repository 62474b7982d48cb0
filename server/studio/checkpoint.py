"""A trained field on disk: what is needed to mesh it again, in one safetensors file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from server.errors import BadRequest, Problem
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.recipe import Recipe, read_recipe

NAME = "field.safetensors"
FORMAT = 1
# One key: safetensors writes several in an order of its own, and the same field would give different files.
METADATA = "blender_msd"
AXES = "Z up, front towards +X, inside the unit ball"


@dataclass(frozen=True)
class KeptField:
    """A field as it was when its optimisation ended.

    Attributes:
        occupied: bool [K, K, K] on the CPU, the cells that rays sampled.
        recipe: of the job that made it.
    """

    field: RadianceField
    occupied: Tensor
    recipe: Recipe


def save_field(path: Path, field: RadianceField, occupancy: OccupancyGrid, recipe: Recipe) -> None:
    """Write `path`, whole or not at all. The file does not depend on the device or the hash grid's implementation."""
    # The hash grid's implementations share `shape` and `table`, but not a class.
    grid: Any = field.grid
    tensors = {
        "grid": grid.table,
        "occupied": occupancy.cells,
        **{f"decoder.{name}": value for name, value in field.decoder.state_dict().items()},
    }
    about = {
        "format": FORMAT,
        "axes": AXES,
        "shape": asdict(grid.shape),
        "hidden": len(tensors["decoder.0.weight"]),
        "recipe": recipe.model_dump(mode="json"),
    }
    unfinished = path.with_name(f".{path.name}.part")
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    save_file(plain, unfinished, metadata={METADATA: json.dumps(about, sort_keys=True)})
    os.replace(unfinished, path)


def load_field(path: Path, device: str = "cpu") -> KeptField:
    """What `save_field` wrote.

    Raises:
        BadRequest: "checkpoint-missing" or "checkpoint-unreadable".
    """
    if not path.is_file():
        raise BadRequest("checkpoint-missing", f"There is no file {path}.", f"Jobs keep their field as {NAME}.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {})[METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return _rebuild(about, tensors, device)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, Problem) as error:
        hint = "It may be damaged, or written by another version."
        raise BadRequest("checkpoint-unreadable", f"{path.name} holds no field ({error}).", hint) from None


def _rebuild(about: dict[str, Any], tensors: dict[str, Tensor], device: str) -> KeptField:
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']}, not {FORMAT}")
    shape = HashGridShape(**about["shape"])
    field = RadianceField(shape, torch.Generator().manual_seed(0), device, about["hidden"])
    grid: Any = field.grid
    with torch.no_grad():
        grid.table.copy_(tensors["grid"])
    decoder = {name.removeprefix("decoder."): value for name, value in tensors.items() if name.startswith("decoder.")}
    field.decoder.load_state_dict(decoder)
    return KeptField(field, tensors["occupied"].bool(), read_recipe(about["recipe"]))
