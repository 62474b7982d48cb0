"""Looks after one worker process while it lives, beside whoever gives it jobs."""

from __future__ import annotations

import time

from server.jobs.process import WorkerProcess

LOOK_EVERY_S = 0.5
# torch alone takes a minute from a slow disk.
START_LIMIT_S = 180.0
SILENCE_LIMIT_S = 60.0


class Watch:
    """A stop is undone, and what hangs is ended.

    Attributes:
        silent: why it was ended, in words; "" while it was not.
    """

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._stopped_since = 0.0
        self.silent = ""

    def look(self, is_starting: bool) -> bool:
        """To be called every LOOK_EVERY_S or so; whether it ended the process just now."""
        self._undo_stop(time.monotonic())
        limit = START_LIMIT_S if is_starting else SILENCE_LIMIT_S
        if self.silent or not self._worker.is_hanging(limit):
            return False
        self.silent = f"said nothing for {limit:g} seconds"
        self._worker.kill()
        return True

    def _undo_stop(self, now: float) -> None:
        """Somebody stopped the process and not the server: it would hold the device and its job for ever."""
        if not self._worker.is_stopped:
            self._stopped_since = 0.0
        elif self._stopped_since == 0.0:
            self._stopped_since = now
        elif now - self._stopped_since > LOOK_EVERY_S:
            self._worker.go_on()
            self._stopped_since = 0.0
