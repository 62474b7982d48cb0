"""Where a result comes from, written on the datablock itself so that it travels with the file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

import bpy

PREVIEW = "msd_preview"

Block = TypeVar("Block", bound=bpy.types.ID)


def write(block: bpy.types.ID, recipe: dict[str, Any], job_id: str, version: str) -> None:
    """Keep prompt, seed, the full recipe and the time as custom properties."""
    block["msd_prompt"] = recipe["prompt"]
    block["msd_seed"] = recipe["seed"]
    block["msd_recipe"] = json.dumps(recipe)
    block["msd_job"] = job_id
    block["msd_version"] = version
    block["msd_made"] = datetime.now(UTC).isoformat(timespec="seconds")


def mark_preview(block: bpy.types.ID) -> None:
    """A preview is found again by this mark, and is not saved with the file."""
    block[PREVIEW] = True
    block.is_runtime_data = True


def is_preview(block: bpy.types.ID) -> bool:
    properties: Any = block
    return PREVIEW in properties


def find_preview(blocks: bpy.types.bpy_prop_collection[Block]) -> Block | None:
    return next((block for block in blocks if block.get(PREVIEW) is not None), None)
