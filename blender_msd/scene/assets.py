"""Finished objects as assets of Blender's own Asset Browser."""

from __future__ import annotations

import json
import re
from typing import Any

import bpy

from .present import present

# Words that nobody looks for.
_LITTLE = {"a", "an", "the", "of", "with", "and", "or", "in", "on", "at", "from", "to", "for", "one"}
# Blender keeps 63 bytes of a tag.
_TAG_BYTES = 63


def mark(obj: bpy.types.Object, tags: str = "", description: str = "") -> None:
    """Mark an object as an asset, with a preview, tags and a description; what an asset has already stays.

    Args:
        tags: with commas between them; empty takes the words of the prompt.
        description: empty says the prompt, the seed and the model.
    """
    obj.asset_mark()
    about = present(obj.asset_data)
    kept: Any = obj
    wanted = [tag.strip() for tag in tags.split(",")] if tags.strip() else _words(str(kept.get("msd_prompt", "")))
    for tag in filter(None, wanted):
        about.tags.new(tag.encode()[:_TAG_BYTES].decode("utf-8", "ignore"), skip_if_exists=True)
    if description.strip() or not about.description:
        about.description = description.strip() or _said(obj)
    # In a window Blender draws it beside its other work.
    obj.asset_generate_preview()


def _words(prompt: str) -> list[str]:
    return [word for word in dict.fromkeys(re.findall(r"\w+", prompt.lower())) if word not in _LITTLE]


def _said(obj: bpy.types.Object) -> str:
    kept: Any = obj
    recipe = json.loads(kept.get("msd_recipe", "{}"))
    by = f", by the model {recipe['prior']}" if recipe.get("prior") else ""
    return f"Made from the prompt “{kept.get('msd_prompt', '')}”, seed {kept.get('msd_seed', 0)}{by}"
