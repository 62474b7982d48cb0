"""What the server has made for this user, outside of every .blend: what is said of each, and its small picture."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .arrays import read_png
from .client import Client
from .errors import Interrupted, Problem
from .interrupt import Interrupt

# Results that are shown at once.
CELLS = 12
# Kept by the server for more steps, and for another mesh.
STATE, FIELD = "state.safetensors", "field.safetensors"


@dataclass(frozen=True)
class Result:
    """One thing that was made.

    Attributes:
        finished: seconds since 1970.
        files: that are still there.
        thumbnail: the file with its small picture; empty when it has none.
    """

    job_id: str
    kind: str
    prompt: str
    seed: int
    preset: str = ""
    prior: str = ""
    finished: float = 0.0
    starred: bool = False
    files: tuple[str, ...] = ()
    thumbnail: str = ""

    @property
    def can_continue(self) -> bool:
        return STATE in self.files

    @property
    def can_remesh(self) -> bool:
        return self.kind == "mesh" and FIELD in self.files


@dataclass
class Shelf:
    """What of the results is looked at.

    Attributes:
        results: newest first; None while the server was not asked.
        chosen: id of the one that is told more of.
    """

    results: list[Result] | None = None
    search: str = ""
    only_starred: bool = False
    page: int = 0
    chosen: str = ""
    # Found once, because panels are drawn again and again.
    matching: list[Result] = field(default_factory=list)

    def take(self, results: list[Result]) -> None:
        self.results = results
        self._find()

    def look(self, search: str, only_starred: bool) -> None:
        """Show those that are looked for, from the first."""
        self.search, self.only_starred, self.page = search, only_starred, 0
        self._find()

    def turn(self, page: int) -> None:
        self.page = max(0, min(page, self.pages - 1))

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.matching) // CELLS))

    @property
    def on_page(self) -> list[Result]:
        return self.matching[self.page * CELLS : (self.page + 1) * CELLS]

    def get(self, job_id: str) -> Result | None:
        return next((each for each in self.results or () if each.job_id == job_id), None)

    def star(self, job_id: str, starred: bool) -> None:
        changed = [replace(each, starred=starred) if each.job_id == job_id else each for each in self.results or ()]
        self.take(changed)

    def drop(self, job_id: str) -> None:
        self.take([each for each in self.results or () if each.job_id != job_id])
        self.chosen = "" if self.chosen == job_id else self.chosen

    def _find(self) -> None:
        self.matching = found(self.results or [], self.search, self.only_starred)
        self.turn(self.page)


def read_result(said: Mapping[str, Any]) -> Result:
    """As the server lists it."""
    return Result(
        job_id=str(said["id"]),
        kind=str(said["kind"]),
        prompt=str(said["prompt"]),
        seed=int(said["seed"]),
        preset=str(said.get("preset") or ""),
        prior=str(said.get("prior") or ""),
        finished=float(said.get("finished") or 0.0),
        starred=bool(said.get("starred")),
        files=tuple(map(str, said.get("files") or ())),
        thumbnail=str(said.get("thumbnail") or ""),
    )


def all_results(client: Client) -> list[Result]:
    """Newest first. Raises Problem."""
    return [read_result(said) for said in client.results()]


def found(results: Sequence[Result], search: str, only_starred: bool) -> list[Result]:
    """Those in whose prompts each of the words is somewhere, in any case."""
    words = search.casefold().split()
    return [
        each
        for each in results
        if (each.starred or not only_starred) and all(word in each.prompt.casefold() for word in words)
    ]


def fetch_pictures(
    client: Client,
    results: Sequence[Result],
    folder: Path,
    stop: Interrupt,
    put: Callable[[str, Path], None],
    prefix: str = "",
) -> None:
    """Get the small pictures that are not in `folder` yet, one by one; `put` is told of each that is there.

    Args:
        prefix: of the names of files, and of what `put` is told: a job has another picture once it is done.

    One that cannot be had, or is no picture, is left out: without it a result is shown by its kind.

    Raises:
        Problem: the server is out of reach, or the folder cannot be written ("result-not-saved").
    """
    for each in results:
        if stop.is_set():
            raise Interrupted
        name = f"{prefix}{each.job_id}"
        file = folder / f"{name}.png"
        if not each.thumbnail or Path(file.name).name != f"{name}.png":
            continue
        if not file.exists():
            try:
                data = client.artifact(each.job_id, each.thumbnail)
                read_png(data)
            except Problem as problem:
                if problem.code.startswith(("artifact-", "image-", "job-")):
                    continue
                raise
            _save(file, data)
        put(name, file)


def forget_picture(folder: Path, name: str) -> None:
    with contextlib.suppress(OSError):
        (folder / f"{Path(name).name}.png").unlink()


def _save(file: Path, data: bytes) -> None:
    half = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(data)
        os.replace(half, file)
    except OSError as error:
        raise Problem(
            "result-not-saved", f"{file} could not be written ({error.strerror}).", "Free some disk space."
        ) from None
