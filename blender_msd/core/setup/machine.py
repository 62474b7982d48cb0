"""What this computer computes with, and how much room its disk has, as the system's own tools tell it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .surroundings import answer_of

# A driver that hangs must not hang us.
PATIENCE = 15.0
_SYSTEMS = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
_PROCESSORS = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Accelerator:
    """Something to compute with.

    Attributes:
        kind: "nvidia", "amd", "apple" or "cpu".
        memory: in bytes; 0 when unknown.
        driver: version of NVIDIA's driver, as 580.65; 0 when unknown.
    """

    kind: str
    name: str
    memory: int = 0
    driver: float = 0.0


@dataclass(frozen=True)
class Machine:
    """`system` is as "linux-x86_64" or "macos-arm64"; `accelerators` are best first, the processor last."""

    system: str
    accelerators: tuple[Accelerator, ...]


def look() -> Machine:
    """Asks programs of the graphics drivers; takes up to some seconds and never fails."""
    name = system_name()
    found = [*_nvidia(), *_amd()]
    if name == "macos-arm64":
        found.append(Accelerator("apple", "Apple silicon"))
    processor = Accelerator("cpu", f"{os.cpu_count() or 1} processor cores")
    return Machine(name, (*found, processor))


def system_name() -> str:
    system = platform.system()
    processor = platform.machine().lower()
    return f"{_SYSTEMS.get(system, system.lower())}-{_PROCESSORS.get(processor, processor)}"


def free_bytes(folder: Path) -> int:
    """Room on the disk that holds `folder`, which need not exist yet.

    Raises:
        OSError: no part of the path can be looked at.
    """
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def in_words(size: int) -> str:
    """A size for people: "1.4 GB", "12 MB"."""
    if size >= 10**9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 10**6 else f"{-(-size // 1000)} kB"


def _nvidia() -> list[Accelerator]:
    asked = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    found = []
    for line in _answer("nvidia-smi", *asked).splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and parts[1].isdigit():
            driver = re.match(r"\d+(\.\d+)?", parts[2])
            found.append(Accelerator("nvidia", parts[0], int(parts[1]) << 20, float(driver[0]) if driver else 0.0))
    return found


def _amd() -> list[Accelerator]:
    found, name = [], ""
    for line in _answer("rocminfo").splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "Marketing Name":
            name = value
        elif key == "Device Type" and value == "GPU":
            found.append(Accelerator("amd", name or "AMD graphics card"))
    return found


def _answer(program: str, *arguments: str) -> str:
    """What a program prints; empty when it is not there, fails or takes too long."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        done = answer_of([path, *arguments], PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
