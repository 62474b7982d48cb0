"""Another Blender, without a window, that does one thing in a folder: it can be stopped, which an operator cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .errors import Problem, reason
from .setup.surroundings import NO_WINDOW

LAST_LINES = 5


class OtherBlender:
    """Args:
    blender: the program; empty where Blender is a module of Python.
    expression: of Python, run in it.
    folder: that it works in; removed when it is closed.
    limit_s: how long it may take.

    Raises:
        Problem: "reshape-failed" when it cannot be started.
    """

    def __init__(self, blender: str, expression: str, folder: Path, limit_s: float) -> None:
        self.folder, self._limit_s, self._began = folder, limit_s, time.monotonic()
        options = ["-b", "--factory-startup", "-noaudio", "--python-exit-code", "1", "--python-expr"]
        command = [blender, *options, expression] if blender else [sys.executable, "-c", expression]
        self._log = folder / "output.txt"
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, creationflags=NO_WINDOW
                )
        except OSError as error:
            self.close()
            raise Problem("reshape-failed", f"No second Blender could be started ({reason(error)}).") from None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def is_done(self) -> bool:
        """Whether it has done its work.

        Raises:
            Problem: "reshape-failed" when it died, "reshape-too-long".
        """
        if (self.folder / "said.json").exists():
            return True
        if self._process.poll() is not None:
            with self._log.open("rb") as log:
                lines = log.read().decode("utf-8", "replace").split("\n")
            last = " ".join(line.strip() for line in lines[-LAST_LINES:] if line.strip())
            hint = "Try fewer faces. Your object was not touched."
            raise Problem("reshape-failed", f"The second Blender ended without a result. {last}", hint)
        if self.seconds > self._limit_s:
            hint = "Ask for fewer faces, take Voxels, or allow more time. Your object was not touched."
            raise Problem("reshape-too-long", f"It was not done after {self._limit_s:.0f} s.", hint)
        return False

    def close(self) -> None:
        """End it, and remove its folder."""
        process = getattr(self, "_process", None)
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(5.0)
        shutil.rmtree(self.folder, ignore_errors=True)


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="blender-msd-"))
