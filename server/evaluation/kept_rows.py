"""Rows of an evaluation on disk, so that one that was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from server import __version__
from server.errors import BadRequest
from server.files import write_text
from server.priors.card import PriorCard
from server.recipe import Recipe

Row = dict[str, Any]


def run_name(recipe: Recipe, card: PriorCard) -> str:
    """The same for the same recipe, prior's card and version of this program, and for nothing else."""
    identity = json.dumps([__version__, card.as_json(), recipe.model_dump(mode="json")], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:20]


class KeptRows:
    """Rows by their "run" (see `run_name`), in a JSON file {"rows": [...]} that is whole at any time.

    Args:
        path: need not be there; None keeps the rows in memory alone.

    Raises:
        BadRequest: code "rows-unreadable" when the file holds something else.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rows: dict[str, Row] = {}
        if path is not None and path.exists():
            try:
                self._rows = {row["run"]: row for row in json.loads(path.read_text("utf-8"))["rows"]}
            except (OSError, ValueError, KeyError, TypeError):
                message = f"{path} is there, but holds no rows of an evaluation."
                raise BadRequest("rows-unreadable", message, "Name another file, or delete this one.") from None

    def get(self, run: str) -> Row | None:
        return self._rows.get(run)

    def __getitem__(self, run: str) -> Row:
        return self._rows[run]

    def add(self, row: Row) -> None:
        self._rows[row["run"]] = row
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, json.dumps({"rows": list(self._rows.values())}, indent=1))
