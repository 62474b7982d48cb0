"""The sets of packages that ship with the extension, and which of them fits this computer.

A lock is a requirements file with hashes, `server/locks/<system>-<accelerator>.txt`, resolved ahead by
tests/setup/resolve_locks.py. Its first comments name the Pythons that it fits, and its sizes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import Problem
from .machine import Accelerator, Machine

ACCELERATORS = ("nvidia", "amd", "apple", "cpu")
NAMES = {"nvidia": "NVIDIA graphics card", "amd": "AMD graphics card", "apple": "Apple silicon", "cpu": "processor"}
# CUDA 13, which the NVIDIA set is built for, wants it.
LEAST_DRIVER = 580


@dataclass(frozen=True)
class Package:
    """One line of a lock; `size` is that of its download, in bytes."""

    name: str
    version: str
    size: int


@dataclass(frozen=True)
class Lock:
    """A set of packages.

    Attributes:
        name: "linux-x86_64-cpu".
        pythons: versions that its wheels fit, as (3, 11).
        download, installed: bytes that are fetched, and that they take on the disk afterwards.
        digest: of the file; an environment is named after it.
    """

    path: Path
    name: str
    accelerator: str
    pythons: tuple[tuple[int, int], ...]
    download: int
    installed: int
    packages: tuple[Package, ...]
    digest: str

    @property
    def space(self) -> int:
        """Bytes needed while it is installed: the downloads and what comes out of them, and a little to work in."""
        return self.download + self.installed + self.installed // 20


@dataclass(frozen=True)
class Choice:
    """The lock to install, and, when that is not for the best accelerator that was found, the reason in a sentence."""

    lock: Lock
    note: str = ""


def read_lock(path: Path) -> Lock:
    """Raises Problem: "set-up-lock-unusable"."""
    try:
        data = path.read_bytes()
        text = data.decode()
        pythons = tuple((int(a), int(b)) for a, b in re.findall(r"(\d+)\.(\d+)", _said(text, "pythons", r".*")))
        packages = tuple(
            Package(normal(name), version, int(size or 0))
            for size, name, version in re.findall(r"(?m)^(?:# (\d+) bytes\n)?([A-Za-z0-9._-]+)==(\S+)", text)
        )
        download, installed = (int(_said(text, what, r"\d+")) for what in ("download", "installed"))
    except (OSError, ValueError) as error:
        hint = "Install the extension again."
        raise Problem("set-up-lock-unusable", f"The list of packages {path} cannot be read ({error}).", hint) from None
    accelerator = path.stem.rpartition("-")[2]
    digest = hashlib.sha256(data).hexdigest()
    return Lock(path, path.stem, accelerator, pythons, download, installed, packages, digest)


def normal(name: str) -> str:
    """A package's name as packages are compared: "PyYAML" and "py_yaml" are written in many ways."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locks_for(folder: Path, system: str) -> dict[str, Path]:
    """Accelerator -> lock, of those that ship for a system ("linux-x86_64")."""
    found = {name: folder / f"{system}-{name}.txt" for name in ACCELERATORS}
    return {name: path for name, path in found.items() if path.is_file()}


def choose_lock(folder: Path, machine: Machine, wanted: str = "") -> Choice:
    """The lock for the best accelerator found, or for the one that a person `wanted`.

    Raises:
        Problem: "set-up-no-packages" when there is none, "driver-too-old", "set-up-lock-unusable".
    """
    offered = locks_for(folder, machine.system)
    if wanted:
        found = next((a for a in machine.accelerators if a.kind == wanted), Accelerator(wanted, NAMES[wanted]))
        _check(found, offered, machine)
        return Choice(read_lock(offered[wanted]))
    refusal: Problem | None = None
    for accelerator in machine.accelerators:
        try:
            _check(accelerator, offered, machine)
        except Problem as problem:
            refusal = refusal or problem
            continue
        lock = read_lock(offered[accelerator.kind])
        note = "" if refusal is None else f"{refusal.message} The {NAMES[accelerator.kind]} is used instead."
        return Choice(lock, note)
    raise refusal or _no_packages(machine, "cpu", offered)


def _check(accelerator: Accelerator, offered: dict[str, Path], machine: Machine) -> None:
    if accelerator.kind not in offered:
        raise _no_packages(machine, accelerator.kind, offered)
    if accelerator.kind == "nvidia" and 0 < accelerator.driver < LEAST_DRIVER:
        message = f"{accelerator.name} has driver {accelerator.driver:g}, and {LEAST_DRIVER} or newer is needed."
        raise Problem("driver-too-old", message, "Install a newer driver from NVIDIA's page, or choose the processor.")


def _no_packages(machine: Machine, kind: str, offered: dict[str, Path]) -> Problem:
    others = " or ".join(f"the {NAMES[name]}" for name in offered)
    hint = f"Choose {others}, or a Python" if others else "Choose a Python"
    message = f"There is no set of packages for {machine.system} with {_article(NAMES[kind])} yet."
    return Problem("set-up-no-packages", message, f"{hint} or a server that you already have.")


def _article(name: str) -> str:
    return name if name.startswith("Apple") else f"{'an' if name[0] in 'AN' else 'a'} {name}"


def _said(text: str, name: str, pattern: str) -> str:
    found = re.search(rf"(?m)^# {name}: ({pattern})", text)
    if found is None:
        raise ValueError(f"it does not say its {name}")
    return found[1]
