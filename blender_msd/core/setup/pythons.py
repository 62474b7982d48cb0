"""A Python that can make the server's environment: Blender's own, one that is found, or one that a person picked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Problem, reason
from .surroundings import answer_of

# The runner itself is written for it. The packages may want a newer one.
OLDEST = (3, 10)
PATIENCE = 30.0
_PICK = "Pick another Python, or install one from python.org."

# Says what a Python is and whether environments can be made with it; Debian keeps ensurepip in a package of its own.
_QUESTIONS = """
import json, platform, struct, sys
missing = []
for name in ("venv", "ssl", "ctypes", "sqlite3", "ensurepip"):
    try:
        __import__(name)
    except Exception:
        missing.append(name)
if "ensurepip" not in missing:
    try:
        sys.modules["ensurepip"].version()
    except Exception:
        missing.append("ensurepip")
print(json.dumps([list(sys.version_info[:3]), platform.python_implementation(), struct.calcsize("P"), missing]))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter that passed the questions.

    Attributes:
        version: as (3, 11, 7).
        origin: where it comes from, for people: "inside Blender", "found on this computer", "picked".
    """

    path: Path
    version: tuple[int, int, int]
    origin: str

    def __str__(self) -> str:
        home = Path.home()
        path = Path("~") / self.path.relative_to(home) if self.path.is_relative_to(home) else self.path
        return f"Python {'.'.join(map(str, self.version))}, {self.origin}: {path}"


def examine(path: Path, fits: Iterable[tuple[int, int]] = (), origin: str = "picked") -> Python:
    """Run an interpreter and see whether environments can be made with it.

    Args:
        fits: the versions that the packages are for; empty takes any from `OLDEST` on.

    Raises:
        Problem: "python-unfit", saying what is wrong with it.
    """
    if path.is_dir():
        raise Problem("python-unfit", f"{path} is a folder.", "Pick the Python program in it, often in bin or Scripts.")
    try:
        done = answer_of([str(path), "-I", "-c", _QUESTIONS], PATIENCE)
        version, implementation, pointer, missing = json.loads(done.stdout)
    except FileNotFoundError:
        raise Problem("python-unfit", f"{path} does not exist.", _PICK) from None
    except OSError as error:
        raise Problem("python-unfit", f"{path} cannot be run ({reason(error)}).", _PICK) from None
    except subprocess.TimeoutExpired:
        raise Problem("python-unfit", f"{path} gave no answer within {PATIENCE:.0f} s.", _PICK) from None
    except (ValueError, TypeError):
        raise Problem("python-unfit", f"{path} is no Python 3.", _PICK) from None
    wrong = _what_is_wrong(tuple(version), implementation, pointer, missing, tuple(fits))
    if wrong:
        raise Problem("python-unfit", f"{path} {wrong}.", _PICK)
    return Python(path, (version[0], version[1], version[2]), origin)


def find(fits: Iterable[tuple[int, int]], own: Path | None, picked: Path | None = None) -> Python:
    """The Python to use. One that was picked is used or refused, never replaced.

    Args:
        own: the one inside Blender.

    Raises:
        Problem: "python-unfit" for one that was picked; "set-up-no-python" when none fits.
    """
    fits = tuple(fits)
    if picked is not None:
        return examine(picked, fits)
    refused = []
    for path, origin in _candidates(fits, own):
        try:
            return examine(path, fits, origin)
        except Problem as problem:
            refused.append(problem.message)
    wanted = " or ".join(f"{major}.{minor}" for major, minor in fits)
    looked = f" Looked at: {' '.join(refused[:3])}" if refused else ""
    hint = f"Install Python {wanted} from python.org, or pick one in the preferences."
    raise Problem("set-up-no-python", f"No Python {wanted} that can make environments was found.{looked}", hint)


def _what_is_wrong(
    version: tuple[int, ...], implementation: str, pointer: int, missing: list[str], fits: tuple[tuple[int, int], ...]
) -> str:
    """The end of a sentence that begins with the interpreter's path; empty when nothing is."""
    said = ".".join(map(str, version))
    if version < OLDEST:
        return f"is Python {said}, which is too old: {'.'.join(map(str, OLDEST))} is the oldest that can be used"
    if fits and version[:2] not in fits:
        wanted = " or ".join(f"{major}.{minor}" for major, minor in fits)
        return f"is Python {said}; the server's packages are made for {wanted}"
    if implementation != "CPython":
        return f"is {implementation}; the packages are made for CPython"
    if pointer != 8:
        return "is a 32-bit Python; the packages are made for 64 bits"
    if missing:
        debian = f" (on Debian and Ubuntu it is in the package python{version[0]}.{version[1]}-venv)"
        return f"lacks {', '.join(missing)}{debian if 'ensurepip' in missing else ''}"
    return ""


def _candidates(fits: tuple[tuple[int, int], ...], own: Path | None) -> Iterator[tuple[Path, str]]:
    """Each program once, the likeliest first."""
    seen: set[Path] = set()
    places = [(own, "inside Blender")] if own is not None else []
    found = (*_on_the_path(fits), *_by_the_launcher(), *_usual_places(fits))
    for path, origin in (*places, *((path, "found on this computer") for path in found)):
        # Not resolved further: a link into a version manager may only work by its own name.
        path = path.absolute()
        if path not in seen and path.is_file():
            seen.add(path)
            yield path, origin


def _on_the_path(fits: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    for name in (*(f"python{major}.{minor}" for major, minor in fits), "python3", "python"):
        if found := shutil.which(name):
            yield Path(found)


def _by_the_launcher() -> Iterator[Path]:
    """Those that Windows' `py` knows."""
    launcher = shutil.which("py") if os.name == "nt" else None
    if launcher is None:
        return
    try:
        said = answer_of([launcher, "-0p"], PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        return
    for line in said.splitlines():
        if "python" in line.lower() and ":" in line:
            yield Path(line[line.index(":") - 1 :].strip())


def _usual_places(fits: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    home = Path.home()
    for major, minor in fits:
        if os.name == "nt":
            for variable in ("LOCALAPPDATA", "ProgramFiles"):
                base = Path(os.environ.get(variable, "C:/"))
                yield base / "Programs" / "Python" / f"Python{major}{minor}" / "python.exe"
                yield base / f"Python{major}{minor}" / "python.exe"
            continue
        for folder in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin"):
            yield Path(folder) / f"python{major}.{minor}"
        if sys.platform == "darwin":
            frameworks = Path("/Library/Frameworks/Python.framework/Versions")
            yield frameworks / f"{major}.{minor}" / "bin" / f"python{major}.{minor}"
        versions = home / ".pyenv" / "versions"
        if versions.is_dir():
            yield from (path / "bin" / "python" for path in sorted(versions.glob(f"{major}.{minor}.*"), reverse=True))
