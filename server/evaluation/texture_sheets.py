"""Pictures of an evaluation of textures: their files, and sheets to be judged by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from server.evaluation.kept_rows import Row
from server.evaluation.likeness import resized
from server.evaluation.texture_gates import GROUP
from server.materials.names import map_path
from server.recipe import MapName
from server.training.sheets import save_grid

THUMBNAIL = 128
# A sheet with more seeds would be too wide to be looked at.
SHOWN_SEEDS = 3


def picture_name(row: Row) -> str:
    """The file of a row's picture."""
    return f"{'-'.join([*row['prompt'].split(), *(row[key] for key in GROUP), str(row['seed'])])}.png"


def read_picture(path: Path) -> Tensor:
    """[3, H, W] in [0, 1]; grey ones, of 8 or 16 bits, in three equal channels."""
    with Image.open(path) as image:
        if image.mode == "I;16":
            grey = torch.from_numpy(np.array(image).astype(np.float32) / 65535)
            return grey.expand(3, -1, -1)
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1) / 255


def save_sheets(rows: Sequence[Row], samples: Mapping[str, Tensor], folder: Path) -> None:
    """One sheet, sheet-PRESET-METHOD-NOISE.png, for each group of rows that lie in `folder`: a line for each pattern,
    with one of the prior's own samples first, then every pair of colours with up to SHOWN_SEEDS seeds.

    Args:
        samples: a picture [3, S, S] in [0, 1] for each pattern.
    """
    seeds = sorted({row["seed"] for row in rows})[:SHOWN_SEEDS]
    for group in dict.fromkeys(tuple(row[key] for key in GROUP) for row in rows):
        mine = [row for row in rows if tuple(row[key] for key in GROUP) == group and row["seed"] in seeds]
        pictures = []
        for pattern, sample in samples.items():
            line = [row for row in mine if row["pattern"] == pattern]
            pictures.append(sample)
            # Beside each other: what differs by the seed alone.
            for prompt in dict.fromkeys(row["prompt"] for row in line):
                pictures += [read_picture(folder / picture_name(row)) for row in line if row["prompt"] == prompt]
        grid = torch.stack([resized(picture, THUMBNAIL) for picture in pictures])
        save_grid(grid, len(grid) // len(samples), folder / f"sheet-{'-'.join(group)}.png")


def save_map_sheets(rows: Sequence[Row], folder: Path) -> None:
    """One sheet, maps-PRESET-METHOD-NOISE.png, for each group of rows with maps: a line for the first run of each
    pattern, its colour first and then its maps."""
    mapped = [row for row in rows if row.get("map_seam_ratios")]
    for group in dict.fromkeys(tuple(row[key] for key in GROUP) for row in mapped):
        first: dict[str, Row] = {}
        for row in mapped:
            if tuple(row[key] for key in GROUP) == group:
                first.setdefault(row["pattern"], row)
        names: list[MapName] = list(next(iter(first.values()))["map_seam_ratios"])
        colours = [folder / picture_name(row) for row in first.values()]
        files = [file for colour in colours for file in (colour, *(map_path(colour, name) for name in names))]
        grid = torch.stack([resized(read_picture(file), THUMBNAIL) for file in files])
        save_grid(grid, 1 + len(names), folder / f"maps-{'-'.join(group)}.png")
