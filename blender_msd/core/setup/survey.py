"""What is in the folder of environments.

env/<version>-<digest>/            one environment; its own folder, because an environment cannot be moved
env/<version>-<digest>/ready.json  the stamp: written last, after the test run; without it nothing is used
env/<version>-<digest>/half.json   how far an unfinished one has come
env/.lock, env/.scratch, env/.cache
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Problem
from .locks import Lock

STAMP, HALF, SCRATCH, CACHE, LOCK_FILE = "ready.json", "half.json", ".scratch", ".cache", ".lock"


@dataclass(frozen=True)
class Progress:
    """How far a set-up is.

    Attributes:
        stage: 1 Python, 2 Engine, 3 Model, 4 Check, 5 Test run.
        fraction: of the whole, in [0, 1].
        done, total: bytes of the download; 0 outside of it.
        speed: bytes a second; seconds_left: None while unknown.
        line: the last line that was said.
        failed: code, message and hint of the problem that ended it, if one did.
    """

    stage: int = 1
    fraction: float = 0.0
    done: int = 0
    total: int = 0
    speed: float = 0.0
    seconds_left: float | None = None
    line: str = ""
    failed: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Environment:
    """One folder of the survey; `stamp` is None while it is not finished, `half` when it is or was never begun."""

    folder: Path
    stamp: Stamp | None = None
    half: Progress | None = None

    @property
    def python(self) -> Path:
        return python_in(self.folder)


@dataclass(frozen=True)
class Stamp:
    """What makes an environment valid.

    Attributes:
        version: of the extension that made it.
        lock: name of its lock; digest: of that lock.
        python: in words.
        finished: seconds since 1970.
        times: kind -> preset -> seconds that such a job takes on this computer, as measured.
    """

    version: str
    lock: str
    digest: str
    python: str
    finished: float
    times: dict[str, dict[str, float]] = field(default_factory=dict)


def folder_name(version: str, lock: Lock) -> str:
    return f"{version}-{lock.digest[:12]}"


def python_in(folder: Path) -> Path:
    """The interpreter of an environment, on this kind of system."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def packages_in(folder: Path, version: tuple[int, int]) -> Path:
    """Where an environment of a Python of that version keeps its packages."""
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    return folder / "lib" / f"python{version[0]}.{version[1]}" / "site-packages"


def survey(root: Path) -> list[Environment]:
    """Every environment, the one that was finished last first; reads only its few small files."""
    found = [read_environment(folder) for folder in _folders(root)]
    return sorted(found, key=lambda one: one.stamp.finished if one.stamp else 0.0, reverse=True)


def write_json(path: Path, value: Any) -> None:
    """All of it or nothing.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    half = path.with_name(path.name + ".part")
    with half.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)


def write_stamp(folder: Path, stamp: Stamp) -> None:
    """Raises OSError as `write_json`."""
    write_json(folder / STAMP, asdict(stamp))
    with contextlib.suppress(OSError):
        (folder / HALF).unlink()


def write_half(folder: Path, progress: Progress) -> None:
    """Raises OSError as `write_json`."""
    write_json(folder / HALF, asdict(progress))


def read_progress(said: dict[str, Any]) -> Progress:
    """Raises TypeError for what `Progress` has no place for."""
    failed = said.get("failed")
    return Progress(**{**said, "failed": tuple(failed) if failed else None})


def _folders(root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for folder in root.iterdir():
            if not folder.name.startswith(".") and folder.is_dir():
                yield folder


def read_environment(folder: Path) -> Environment:
    """One folder; what cannot be read counts as not there."""
    stamp = half = None
    with contextlib.suppress(OSError, ValueError, TypeError):
        stamp = Stamp(**json.loads((folder / STAMP).read_text(encoding="utf-8")))
    with contextlib.suppress(OSError, ValueError, TypeError):
        half = read_progress(json.loads((folder / HALF).read_text(encoding="utf-8")))
    if stamp is not None and not python_in(folder).exists():
        # Blender, or the Python that it was built upon, was moved; the packages may all be there still.
        message = "The Python that the server was set up with is gone: Blender was moved or updated."
        gone = Problem("set-up-python-gone", message, "Press Continue: what is installed is kept.")
        stamp, half = None, Progress(fraction=0.8, failed=gone.parts)
    return Environment(folder, stamp, half if stamp is None else None)


def own_python() -> Path | None:
    """The interpreter that this runs in, when it is a program of its own."""
    path = Path(sys.executable) if sys.executable else None
    return path if path is not None and path.name.lower().startswith("python") else None
