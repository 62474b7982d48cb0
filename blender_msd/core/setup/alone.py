"""One at a time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import Problem
from ..lock import lock_if_free

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
        while not lock_if_free(file.fileno()):
            if time.monotonic() > ends:
                hint = "Wait for it, or pause it there."
                raise Problem("set-up-running", "Another Blender is setting up at this moment.", hint)
            time.sleep(0.1)
        yield
