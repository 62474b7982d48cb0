"""What a job says while it runs, as JSON lines in a file: for plots, and for whoever asks afterwards."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from server.accelerators import peak_of
from server.errors import disk_problem
from server.files import write_bytes
from server.studio.events import Event, Log, OnEvent, Progress

NAME = "log.jsonl"
# Some five thousand lines.
MOST_BYTES = 2**20
# Eyes see no more, and fast steps are a hundred thousand a job.
PROGRESS_INTERVAL_S = 0.1
MIB = 2**20


class Tempo:
    """Tells which progress is worth telling: not more often than the eye can follow, but every phase and its end."""

    def __init__(self) -> None:
        self._phase = ""
        self._told = 0.0

    def is_news(self, progress: Progress) -> bool:
        now = time.monotonic()
        is_news = progress.phase != self._phase or progress.step == progress.steps
        if not is_news and now - self._told < PROGRESS_INTERVAL_S:
            return False
        self._phase, self._told = progress.phase, now
        return True


class Journal:
    """Hands events on, and appends progress and warnings to a file, one JSON object a line; the only writer of it.

    Lines of `Progress` and `Log` have their fields, and "event" ("progress" or "log"), "at" (seconds since 1970),
    "elapsed_s" (since this run began), "memory_mib" (of this process) and "device_memory_mib" (most memory of tensors
    at once; null where nobody counts). A run that goes on appends to what is there. A file that cannot be written is
    missed, and said once: the job is worth more.

    Args:
        onward: gets every event first.
        device: where the job runs.
        most_bytes: how large the file may become; from there on, the progress that is oldest in it is thinned out.
    """

    def __init__(self, path: Path, onward: OnEvent, device: str = "cpu", most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._onward = onward
        self._device = device
        self._most_bytes = most_bytes
        self._tempo = Tempo()
        self._began = time.monotonic()
        self._process = psutil.Process()
        self._is_open = self._fails = False

    def __call__(self, event: Event) -> None:
        self._onward(event)
        if isinstance(event, Log) or (isinstance(event, Progress) and self._tempo.is_news(event)):
            try:
                self._write(event)
            except OSError as error:
                if not self._fails:
                    self._onward(Log("warning", f"{disk_problem(error).message} The job's log has gaps."))
                self._fails = True

    def _write(self, event: Progress | Log) -> None:
        if not self._is_open:
            self._drop_torn_line()
            self._is_open = True
        peak = peak_of(self._device)
        line = json_line(
            {
                "at": round(time.time(), 3),
                "event": type(event).__name__.lower(),
                **asdict(event),
                "elapsed_s": round(time.monotonic() - self._began, 3),
                "memory_mib": self._process.memory_info().rss // MIB,
                "device_memory_mib": None if peak is None else peak // MIB,
            }
        ).encode()
        with self._path.open("ab") as file:
            file.write(line)
            size = file.tell()
        if size > self._most_bytes:
            self._thin_out()

    def _drop_torn_line(self) -> None:
        """A run that was killed may have left half a line, which no line may follow."""
        if self._path.exists():
            written = self._path.read_bytes()
            os.truncate(self._path, written.rfind(b"\n") + 1)

    def _thin_out(self) -> None:
        lines = self._path.read_bytes().splitlines(keepends=True)
        kept = [line for n, line in enumerate(lines) if n % 2 or json.loads(line)["event"] != "progress"]
        if sum(map(len, kept)) > self._most_bytes:
            kept = kept[len(kept) // 2 :]
        write_bytes(self._path, b"".join(kept))


def json_line(fields: dict[str, Any]) -> str:
    """The fields as one line of JSON."""
    return json.dumps(_plain(fields), allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """JSON has no NaN, and numpy's numbers are not Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
