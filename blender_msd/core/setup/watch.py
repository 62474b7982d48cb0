"""The set-up's process, seen from Blender: started, listened to, told to stop."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem
from ..server_process import explain_exit
from .surroundings import NO_WINDOW, clean_environment

ENDS = ("done", "verified", "paused", "cancelled", "failed")
# It ends what it started, and notes how far it was.
STOP_LIMIT = 20.0


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Attributes:
        task: "set-up", "repair" or "verify".
        python: to build upon.
        home: the folder that holds `blender_msd` and `server`.
        root: the folder of environments.
        offline: a folder with the packages; None fetches them.
    """

    task: str
    python: Path
    home: Path
    root: Path
    version: str
    lock: Path
    offline: Path | None = None


class Running:
    """A runner that was started. `events` is for one thread; all else may be called from any."""

    def __init__(self, order: Order) -> None:
        """Raises Problem: "python-unfit" when it cannot be started."""
        command = [str(order.python), "-m", "blender_msd.core.setup.runner", order.task, "--home", str(order.home)]
        command += ["--root", str(order.root), "--version", order.version, "--lock", str(order.lock)]
        command += [] if order.offline is None else ["--offline", str(order.offline)]
        try:
            self._process = subprocess.Popen(
                command,
                cwd=order.home,
                env=clean_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            message = f"{order.python} cannot be run ({error.strerror})."
            raise Problem("python-unfit", message, "Pick another Python.") from None
        self.pid = self._process.pid

    def events(self) -> Iterator[dict[str, Any]]:
        """What it says; the last one is of `ENDS`, also when the process dies without a word."""
        assert self._process.stdout is not None
        ended, other = False, ""
        for line in self._process.stdout:
            said = _read(line)
            if said is None:
                other = line.decode("utf-8", "replace").strip() or other
                continue
            ended = said["event"] in ENDS
            yield said
        code = self._process.wait()
        if not ended:
            message = f"The set-up {explain_exit(code)}. {other[:200]}".strip()
            died = Problem("set-up-stopped", message, "Press Continue: it goes on from where it was.")
            yield {"event": "failed", "code": died.code, "message": died.message, "hint": died.hint}

    def close(self) -> None:
        """Pause, and wait for its end."""
        self.tell("pause")
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tell(self, wish: str) -> None:
        """ "pause" or "cancel"."""
        # It may have ended in this moment.
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(f"{wish}\n".encode())
            self._process.stdin.close()


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and isinstance(said.get("event"), str) else None
