"""Environments that are not wanted any more."""

from __future__ import annotations

import shutil
from pathlib import Path

from .alone import alone
from .survey import CACHE, LOCK_FILE, SCRATCH, STAMP, survey


def remove_all(root: Path, folders: list[Path] | None = None) -> list[Path]:
    """Remove these environments, or every one, and what was downloaded for them. Returns what could not be removed.

    Raises:
        Problem: "set-up-running"; OSError when the folder cannot be written.
    """
    if not root.is_dir():
        return []
    with alone(root / LOCK_FILE):
        chosen = [one.folder for one in survey(root)] if folders is None else folders
        return _remove([*chosen, root / CACHE, root / SCRATCH])


def remove_superseded(root: Path, current: Path) -> list[Path]:
    """Remove all but the environment `current`, which took the others' place. Raises as `remove_all`."""
    with alone(root / LOCK_FILE):
        return _remove([one.folder for one in survey(root) if one.folder != current])


def _remove(folders: list[Path]) -> list[Path]:
    for folder in folders:
        # The stamp first: what is half removed must not be used.
        (folder / STAMP).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    return [folder for folder in folders if folder.exists()]
