"""An environment's files against the lists that pip wrote of them."""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from .locks import Lock, normal
from .process import Stopped


def damaged_packages(
    packages: Path,
    lock: Lock,
    on_package: Callable[[int, str], None] = lambda number, name: None,
    stop: threading.Event | None = None,
) -> dict[str, str]:
    """Packages of the lock that are not as pip left them -> the first thing that is wrong with each, in words.

    Args:
        packages: the environment's `site-packages`.
        on_package: is told which one is looked at.

    Raises:
        Stopped: `stop` was set.
    """
    folders = _info_folders(packages)
    found = {}
    for number, package in enumerate(lock.packages):
        if stop is not None and stop.is_set():
            raise Stopped
        on_package(number, package.name)
        info = folders.get(package.name)
        wrong = "it is not installed" if info is None else _what_is_wrong(packages, info)
        if info is not None and not wrong and not info.name.endswith(f"-{package.version}.dist-info"):
            wrong = f"it is another version than {package.version}"
        if wrong:
            found[package.name] = wrong
    return found


def forget(packages: Path, names: set[str]) -> None:
    """Let pip install these anew: without its list a package counts as not installed, and its files are replaced."""
    for name, info in _info_folders(packages).items():
        if name in names:
            shutil.rmtree(info, ignore_errors=True)


def forget_half_installed(packages: Path) -> None:
    """Remove what a pip that was killed left: packages without their list, and those it was about to replace."""
    for info in packages.glob("*.dist-info"):
        if not (info / "RECORD").is_file():
            shutil.rmtree(info, ignore_errors=True)
    for leftover in packages.glob("~*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                leftover.unlink()


def installed_count(packages: Path) -> int:
    return sum(1 for _ in packages.glob("*.dist-info/RECORD"))


def _info_folders(packages: Path) -> dict[str, Path]:
    return {
        normal(info.name.removesuffix(".dist-info").rpartition("-")[0]): info for info in packages.glob("*.dist-info")
    }


def _what_is_wrong(packages: Path, info: Path) -> str:
    try:
        with (info / "RECORD").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error):
        return "its list of files is missing"
    if not rows:
        return "its list of files is empty"
    for row in rows:
        if len(row) != 3:
            return "its list of files is damaged"
        name, digest, _ = row
        path = packages / name
        # Without a hash are the list itself, and what Python compiles by itself.
        if digest and (wrong := _compare(path, digest)):
            return f"{name} {wrong}"
    return ""


def _compare(path: Path, wanted: str) -> str:
    kind, _, value = wanted.partition("=")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, kind) if hasattr(hashlib, "file_digest") else _digest(file.read(), kind)
    except OSError:
        return "is missing"
    except ValueError:
        return "is listed with an unknown kind of hash"
    found = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    return "" if found == value else "was changed"


def _digest(data: bytes, kind: str) -> hashlib._Hash:
    return hashlib.new(kind, data)


def verdict(damaged: Mapping[str, str]) -> str:
    """What `damaged_packages` found, for people."""
    if not damaged:
        return "Every file is as it was installed."
    name, wrong = next(iter(damaged.items()))
    others = f", and {len(damaged) - 1} more" if len(damaged) > 1 else ""
    return f"Damaged: {name} ({wrong}){others}. Press Repair."
