"""Files of results, copied out under names that people can read."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from server.files import replaced
from server.jobs.artifacts import find_artifact, job_folder
from server.meshing.names import stem


def export(data_dir: Path, result: dict[str, Any], out: Path, everything: bool = False) -> list[Path]:
    """Copy what a result is (a mesh's .glb, a texture and its maps) into `out`, as PROMPT-SEED.glb; what is there
    already keeps its name.

    Args:
        everything: all files, under their own names, in a folder PROMPT-SEED.

    Returns:
        The files; none when they are gone.

    Raises:
        OSError: one of them cannot be read or written.
    """
    folder = job_folder(data_dir, result["id"])
    name = f"{stem(result['prompt']) or result['kind']}-{result['seed']}"
    wanted = result["files"] if everything else [file for file in result["files"] if _is_result(file)]
    found = {file: path for file in wanted if (path := find_artifact(folder, file)) is not None}
    if not found:
        return []
    if everything:
        place = _free(out, name, [""])
        targets = {path: out / place / file for file, path in found.items()}
    else:
        endings = {file: file.removeprefix(Path(file).stem.split("_")[0]) for file in found}
        place = _free(out, name, endings.values())
        targets = {path: out / f"{place}{endings[file]}" for file, path in found.items()}
    for source, target in targets.items():
        target.parent.mkdir(exist_ok=True)
        with source.open("rb") as old, replaced(target) as new:
            shutil.copyfileobj(old, new)
    return list(targets.values())


def _is_result(file: str) -> bool:
    """mesh.glb; texture.png and texture_normal.png."""
    return file == "mesh.glb" or (file.startswith("texture") and file.endswith(".png"))


def _free(out: Path, name: str, endings: Iterable[str]) -> str:
    """The name, or the first of name-2, name-3, ... of which there is no file yet with any of the endings."""
    endings, tried, number = [*endings], name, 1
    while any((out / f"{tried}{ending}").exists() for ending in endings):
        number += 1
        tried = f"{name}-{number}"
    return tried
