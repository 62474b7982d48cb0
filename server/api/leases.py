"""Which programs use the server, so that it lives as long as one of them does, and no longer than there is work."""

from __future__ import annotations

import threading
import time

from server.api.parent import is_running
from server.api.problems import Refused


class Leases:
    """One for each program, by its process id; it ends when it is given back, or with the process. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[int, float] = {}

    def take(self, pid: int) -> None:
        """Raises Refused, HTTP 404: "process-unknown"."""
        if not is_running(pid):
            hint = "Give the process id of the program that uses the server, on the same computer."
            raise Refused(404, "process-unknown", f"There is no process {pid} here.", hint)
        with self._lock:
            self._since.setdefault(pid, time.time())

    def give_back(self, pid: int) -> None:
        with self._lock:
            self._since.pop(pid, None)

    def held(self) -> dict[int, float]:
        """Process ids of programs that still run, and since when each has its lease, in seconds since 1970."""
        with self._lock:
            ended = [pid for pid in self._since if not is_running(pid)]
            for pid in ended:
                del self._since[pid]
            return dict(self._since)
