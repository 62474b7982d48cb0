"""What a worker says, line by line, and the events of its job among it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from server.errors import disk_problem
from server.jobs.artifacts import LiveFiles
from server.jobs.events import LIVE_FILES
from server.meshing.arrays import save_npz
from server.studio.events import Event, Log, PreviewImage, PreviewMesh, Progress
from server.studio.journal import Tempo, json_line

HEARTBEAT_S = 1.0


class Answers:
    """Writes answers, one line each, from any thread; says every second that the process lives."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines
        self._lock = threading.Lock()

    def send(self, answer: str, **fields: Any) -> None:
        line = json_line({"answer": answer, **fields})
        with self._lock:
            self._lines.write(line)
            self._lines.flush()

    def start_heartbeat(self, memory: Callable[[], dict[str, int]]) -> None:
        """Args:
        memory: of the device, see server/jobs/worker.py.
        """
        threading.Thread(target=self._beat, args=[memory], name="heartbeat", daemon=True).start()

    def _beat(self, memory: Callable[[], dict[str, int]]) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            self.send("alive", memory=memory())


class Reporter:
    """Turns the studio's events into answers, and previews into files in the job's folder.

    Args:
        memory_used: bytes that the job's process uses on its device now; None where it cannot be told.
    """

    def __init__(
        self, job_id: str, folder: Path, answers: Answers, memory_used: Callable[[], int | None] = lambda: None
    ) -> None:
        self._job_id = job_id
        self._answers = answers
        self._memory_used = memory_used
        self._began = time.monotonic()
        self._meshes = LiveFiles(folder, LIVE_FILES["preview_mesh"])
        self._images = LiveFiles(folder, LIVE_FILES["preview_image"])
        self._unsaved = False
        self._tempo = Tempo()
        self._untold: Progress | None = None

    def catch_up(self) -> None:
        """Tell the newest progress, which may have come too soon after another: the job is left where it is."""
        if self._untold is not None:
            self._tell_progress(self._untold)

    def __call__(self, event: Event) -> None:
        """Previews that cannot be written are missed, and said once: the job is worth more."""
        try:
            self._tell(event)
        except OSError as error:
            if not self._unsaved:
                self._send("log", asdict(Log("warning", f"{disk_problem(error).message} Previews are missing.")))
            self._unsaved = True

    def _tell(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._untold = event
            if self._tempo.is_news(event):
                self._tell_progress(event)
        elif isinstance(event, Log):
            self._send("log", asdict(event))
        elif isinstance(event, PreviewMesh):
            mesh = event.mesh
            with self._meshes.open_next() as (name, file):
                save_npz(mesh, file)
            self._send("preview_mesh", {"artifact": name, "vertices": len(mesh.position), "faces": len(mesh.triangle)})
        elif isinstance(event, PreviewImage):
            height, width = event.pixels.shape[:2]
            opaque = np.full((height, width, 1), 255, np.uint8)
            with self._images.open_next() as (name, file):
                np.savez(file, pixels=np.concatenate([event.pixels, opaque], -1))
            self._send("preview_image", {"artifact": name, "width": width, "height": height})

    def _tell_progress(self, progress: Progress) -> None:
        spent = {"elapsed": round(time.monotonic() - self._began, 1), "memory_bytes": self._memory_used()}
        self._send("progress", asdict(progress) | spent)
        self._untold = None

    def _send(self, name: str, data: dict[str, Any]) -> None:
        self._answers.send("event", job=self._job_id, name=name, data=data)
