"""What the files of a material are called."""

from __future__ import annotations

from pathlib import Path

from server.recipe import MapName


def map_path(colour: Path, name: MapName) -> Path:
    """The file of a map, beside that of the colour: bricks_normal.png beside bricks.png."""
    return colour.with_name(f"{colour.stem}_{name}{colour.suffix}")
