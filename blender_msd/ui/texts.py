"""The only place where text properties are read."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..core.errors import Problem
from ..core.paths import read_path, split_weight, unwrapped


def text(owner: bpy.types.bpy_struct, name: str) -> str:
    """The text property `name`.

    A file of an earlier version may hold text that Blender cut inside a character: what is left of it is dropped.
    """
    try:
        found: str = getattr(owner, name)
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "ignore")
    return found


def pasted(owner: bpy.types.bpy_struct, name: str) -> str:
    """A text property without the quotes and line ends that come along when it is copied from elsewhere."""
    return unwrapped(text(owner, name))


def path(owner: bpy.types.bpy_struct, name: str) -> str:
    """The path that a text property means; empty when it is empty.

    Raises:
        Problem: "path-unreadable", "path-relative".
    """
    return _absolute(read_path(text(owner, name)))


def _absolute(found: str) -> str:
    if not found.startswith("//"):
        return found
    if not bpy.data.is_saved:
        hint = "Save the file first, or write the whole path."
        raise Problem("path-relative", f"{found} is relative to a file that was never saved.", hint)
    return bpy.path.abspath(found)


def model(owner: bpy.types.bpy_struct, name: str) -> str:
    """The model that a text property means, as a recipe calls it: a word, a path, or hub:owner/name.

    Raises:
        Problem: as `path`; "path-unreadable" too for a path that is no text, because a recipe is text.
    """
    found = path(owner, name)
    try:
        found.encode()
    except UnicodeEncodeError:
        hint = "Rename the file or its folder."
        raise Problem("path-unreadable", "The name of this model's file is not valid text.", hint) from None
    return str(Path(found)) if os.path.isabs(found) else found


def loras(owner: bpy.types.bpy_struct, name: str) -> list[str]:
    """The LoRA files that a text property names, as a recipe calls them: FILE:WEIGHT, or FILE.

    Raises:
        Problem: as `path`.
    """
    named = []
    for part in filter(str.strip, pasted(owner, name).split(";")):
        file, weight = split_weight(part)
        named.append(_absolute(read_path(file)) + weight)
    return named
