"""Programs that end with the one that started them, however that one ends."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from .surroundings import NO_WINDOW

# Run by the child before its work: whoever started it holds the other end of its standard input, and the system lets
# go of it even for a process that is killed.
_TIED = """
import os, runpy, sys, threading
def wait():
    while os.read(0, 4096):
        pass
    os._exit(75)
threading.Thread(target=wait, daemon=True).start()
del sys.argv[0]
sys.path.insert(0, os.getcwd())
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
# Between two looks at what is not said in lines.
TICK = 0.3
KEPT_LINES = 200


class Stopped(Exception):
    """The work was told to stop."""


def run_module(
    python: Path,
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str],
    stop: threading.Event,
    on_line: Callable[[str], None],
    on_tick: Callable[[], None] = lambda: None,
) -> tuple[int, list[str]]:
    """Run `python -m arguments...` in `folder` to its end.

    Args:
        stop: ends it.
        on_line: is given each line that it prints, as it comes.
        on_tick: is called a few times a second.

    Returns:
        Its exit code and its last lines.

    Raises:
        Stopped: `stop` was set.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        [str(python), "-c", _TIED, *arguments],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        creationflags=NO_WINDOW,
    )
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, said), daemon=True)
    reader.start()
    last: list[str] = []
    try:
        while True:
            if stop.is_set():
                raise Stopped
            try:
                line = said.get(timeout=TICK)
            except queue.Empty:
                on_tick()
                continue
            if line is None:
                break
            last = [*last[1 - KEPT_LINES :], line]
            on_line(line)
        while True:
            if stop.is_set():
                raise Stopped
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(TICK), last
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()
        reader.join(1.0)


def _read(process: subprocess.Popen[bytes], said: queue.SimpleQueue[str | None]) -> None:
    """Lines end where they end on a screen, too: a progress bar goes back to the beginning of its own."""
    assert process.stdout is not None
    rest = b""
    while piece := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
        *lines, rest = (rest + piece).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if line.strip():
                said.put(line.decode("utf-8", "replace").rstrip())
    if rest.strip():
        said.put(rest.decode("utf-8", "replace").rstrip())
    process.stdout.close()
    said.put(None)
