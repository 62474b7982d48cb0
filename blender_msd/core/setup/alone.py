"""One at a time: a lock that the system takes back by itself from a process that ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import Problem

# What was started by a process that was killed notices it at once, and needs a moment to end.
PATIENCE = 5.0


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock `path` inside the block.

    Raises:
        Problem: "set-up-running" when another process holds it.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        ends = time.monotonic() + PATIENCE
        while not _take(file.fileno()):
            if time.monotonic() > ends:
                hint = "Wait for it, or pause it there."
                raise Problem("set-up-running", "Another Blender is setting up at this moment.", hint)
            time.sleep(0.1)
        yield


def _take(descriptor: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
