"""What lies beside the files of every result: how it looks, what was asked, and how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.files import write_text
from server.recipe import Recipe
from server.studio.kept_names import THUMBNAIL
from server.studio.thumbnail import write_thumbnail


def file_away(recipe: Recipe, folder: Path, report: dict[str, Any], meshes: Path | None = None) -> None:
    """Write the thumbnail, recipe.json and, last of all files, report.json; they are named in `report` then.

    Args:
        meshes: as `write_thumbnail`.

    Raises:
        OSError: one of them cannot be written.
    """
    write_thumbnail(recipe, folder, meshes)
    report["artifacts"] = sorted([*report["artifacts"], THUMBNAIL, "recipe.json", "report.json"])
    write_text(folder / "recipe.json", recipe.model_dump_json(indent=2))
    write_text(folder / "report.json", json.dumps(report, indent=2))
