"""A worker process seen from the server: start it, talk to it, tell how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import server

_LOG_LIMIT = 5_000_000
_STOP_SECONDS = 3.0


class WorkerProcess:
    """A running `server.jobs.worker` for one device; its stderr goes to `log`.

    Must be created on a thread that lives as long as the worker should: Linux sends the worker's parent-death signal
    when that thread ends.
    """

    def __init__(self, device: str, log: Path, low_vram: bool = False) -> None:
        self._log = log
        mode = "wb" if log.exists() and log.stat().st_size > _LOG_LIMIT else "ab"
        options = ["--low-vram"] if low_vram else []
        with log.open(mode) as file:
            self._log_start = file.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "server.jobs.worker", device, *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=_environment(),
                text=True,
                encoding="utf-8",
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, order: str, **fields: Any) -> None:
        """An order to a dead worker is lost; whoever reads `answers` learns of its death."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps({"order": order, **fields}) + "\n")
            self._process.stdin.flush()

    def answers(self) -> Iterator[dict[str, Any]]:
        """The next answers, as they come; ends when the worker does."""
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()).endswith("\n"):
            yield json.loads(line)

    def kill(self) -> None:
        self._process.kill()

    def stop(self) -> None:
        """Let it go: it leaves at the end of its input, whatever it does; killed if it does not."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def how_it_ended(self) -> str:
        """Its exit code in plain words; waits for the end."""
        return exit_in_words(self._process.wait())

    def last_words(self) -> str:
        """The most telling line it wrote to its log, or "" if it wrote none."""
        with self._log.open("rb") as file:
            file.seek(max(self._log_start, self._log.stat().st_size - 20_000))
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        # After a crash in native code the interpreter writes its reason first and a long list of modules last.
        telling = [line for line in lines if line.startswith("Fatal Python error")] or lines
        return telling[-1][:300] if telling else ""


def exit_in_words(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    why = ", which the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was stopped by signal {-code} ({name}{why})"


def _environment() -> dict[str, str]:
    root = str(Path(server.__file__).parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    # What it writes into its log is read as UTF-8.
    return {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}
