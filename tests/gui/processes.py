"""The processes of one user's Blender, found by what they were started with, as they are and without asking them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MARK = "BLENDER_USER_RESOURCES"
# What the command of a process that computes names.
WORKER = "server.jobs.worker"


def of_user(folder: Path) -> list[int]:
    """Everything that was begun for this user, by whomever; what has ended and was not fetched yet does not count."""
    wanted = f"{MARK}={folder}".encode()
    return [pid for pid in _all() if wanted in _read(pid, "environ").split(b"\0")]


def servers_of(folder: Path) -> list[int]:
    """Of these the servers."""
    return [pid for pid in of_user(folder) if b"serve" in _read(pid, "cmdline").split(b"\0")]


def blenders_of(folder: Path) -> list[int]:
    """Of these the Blenders."""
    return [pid for pid in of_user(folder) if _read(pid, "comm").strip() == b"blender"]


def workers_of(server: int) -> list[int]:
    """A server's children that compute."""
    return [pid for pid in _all() if _parent(pid) == server and WORKER.encode() in _read(pid, "cmdline")]


def descendants_of(ancestor: int) -> set[int]:
    found, parents = {ancestor}, {pid: _parent(pid) for pid in _all()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {ancestor}


def described(pid: int) -> str:
    command = _read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace")
    return f"{pid}: {command[:160]}"


def _all() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _parent(pid: int) -> int:
    # Behind the name, which may hold anything.
    after = _read(pid, "stat").rpartition(b")")[2].split()
    return int(after[1]) if len(after) > 1 else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has just ended
        return b""
