"""Where a worker is to be, and which process of this machine speaks for it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from server.accelerators import kind_of


@dataclass(frozen=True)
class Post:
    """A place for one worker.

    Attributes:
        name: for people: "cpu", "cuda:1", "ray:0".
        kind: of its device, as `kind_of`; "" while only the worker knows.
        arguments: of Python, for the process that speaks as server/jobs/worker.py says.
        is_elsewhere: that process is a relay: the worker is on another machine, and may be lost with it. It is told the
            worker's log as its last argument, and has a log of its own.
    """

    name: str
    kind: str
    arguments: tuple[str, ...]
    is_elsewhere: bool = False

    def command(self, log: Path) -> list[str]:
        """Args:
        log: of the worker.
        """
        told = [str(log)] if self.is_elsewhere else []
        return [sys.executable, "-X", "faulthandler", "-m", *self.arguments, *told]

    def log_here(self, log: Path) -> Path:
        """Where the process of this machine writes its stderr."""
        return log.with_name(f"{log.stem}-relay{log.suffix}") if self.is_elsewhere else log


def post_here(device: str, low_vram: bool = False) -> Post:
    """On a device of this machine, named as `Queue` takes it."""
    options = ("--low-vram",) if low_vram else ()
    return Post(device, "" if device == "auto" else kind_of(device), ("server.jobs.worker", device, *options))
