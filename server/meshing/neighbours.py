"""Names for the files that an .obj needs beside it, which no stranger's file has.

A file there is ours when the .obj that stands at the same place, from an earlier run, notes it with the digest that it
still has. Whatever came from elsewhere, or was changed since, is left alone.
"""

from __future__ import annotations

import hashlib
import re
from itertools import count
from pathlib import Path

from server.meshing.names import plain

NOTE = re.compile(r"# ([A-Za-z0-9._-]+) ([0-9a-f]{64})\n")
# Notes stand at the top of an .obj; a stranger's may be large.
MOST_NOTES = 16


def notes(files: dict[str, bytes]) -> list[str]:
    """Comments for the top of an .obj that needs `files` ({name: content}) beside it."""
    return [f"# {name} {_digest(content)}" for name, content in files.items()]


def choose_names(path: Path, endings: tuple[str, ...]) -> dict[str, str]:
    """A name of plain ASCII for each ending, free beside the .obj `path` or taken by what belongs to it.

    All have one stem: that of `path`, as far as it is plain, with a number when there is a stranger.
    """
    noted = _noted(path)

    def available(name: str) -> bool:
        file = path.with_name(name)
        if file.is_file() and not file.is_symlink():
            return name in noted and _digest(file.read_bytes()) == noted[name]
        return not (file.exists() or file.is_symlink())

    stem = plain(path.stem)
    for number in count(1):
        names = [f"{stem}{'' if number == 1 else f'-{number}'}{ending}" for ending in endings]
        if all(available(name) for name in names):
            break
    return dict(zip(endings, names, strict=True))


def choose_material(path: Path, library: str, name: str) -> str:
    """`name`, with a number when a stranger's .mtl called as the .obj `path` has a material of that name.

    Blender reads such a file as well as the `library` that the .obj refers to, and mixes materials of one name.
    """
    stranger = path.with_suffix(".mtl")
    taken = set()
    if stranger.name != library and stranger.is_file():
        taken = set(re.findall(rb"^\s*newmtl\s+(.*?)\s*$", stranger.read_bytes(), re.MULTILINE))
    candidates = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(candidate for candidate in candidates if candidate.encode() not in taken)


def _noted(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        found = (NOTE.fullmatch(file.readline(200)) for _ in range(MOST_NOTES))
        return {match[1]: match[2] for match in found if match}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
