"""What is asked of a worker's job: the orders as they come in, and how the job learns of them."""

from __future__ import annotations

import json
import os
import queue
import threading
import traceback
from typing import Any, Literal, TextIO

from server.errors import Cancelled


class LeftForLater(Exception):
    """The job leaves its worker, and will go on from what was kept of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why  # "pause" | "stop" | "look"


class Control:
    """What was asked of one job; set by whoever reads orders, polled by the work."""

    def __init__(self, finish: bool = False) -> None:
        # Reentrant, because signals interrupt the thread that asks.
        self._lock = threading.RLock()
        self._cancelled = False
        self._finish = finish
        self._leave: str | None = None
        self._kept = False

    def obey(self, order: str) -> None:
        """An order of server/jobs/worker.py. Raises ValueError for any other."""
        with self._lock:
            if order == "cancel":
                self._cancelled = True
            elif order == "stop" or (order == "pause" and self._leave is None):
                self._leave, self._kept = order, False
            elif order in ("finish", "resume"):
                self._finish = self._finish or order == "finish"
                self._leave = None if self._leave == "pause" else self._leave
            elif order != "pause":
                raise ValueError(f"unknown order {order!r}")

    def should_stop(self) -> Literal["finish", "keep"] | None:
        """As server.studio.climb.StopRequest: before it leaves, the job is told once to keep what it has.

        Raises:
            Cancelled: it is to be given up.
            LeftForLater: it is to go on later.
        """
        with self._lock:
            if self._cancelled:
                raise Cancelled
            if self._leave is None:
                return "finish" if self._finish else None
            if self._kept:
                raise LeftForLater(self._leave)
            self._kept = True
            return "keep"

    def leave_if_asked(self) -> None:
        """`should_stop` where there is nothing to keep."""
        while self.should_stop() == "keep":
            pass


class Orders:
    """Reads orders on a thread of its own, so that they arrive while a job computes."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines
        self._jobs: queue.SimpleQueue[tuple[dict[str, Any], Control] | None] = queue.SimpleQueue()
        self._current: tuple[str, Control] | None = None
        self._ending = False
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def next_job(self) -> tuple[dict[str, Any], Control] | None:
        """Waits for it; None when there will be none any more."""
        return None if self._ending else self._jobs.get()

    def end(self) -> None:
        """Leave the job under way for later, and take no other. Safe in a signal handler."""
        self._ending = True
        if self._current is not None:
            self._current[1].obey("stop")
        self._jobs.put(None)

    def _read(self) -> None:
        try:
            for line in self._lines:
                order = json.loads(line)
                if order["order"] == "make":
                    control = Control(order.get("finish", False))
                    self._current = (order["job"], control)
                    self._jobs.put((order, control))
                elif self._current and self._current[0] == order["job"]:
                    self._current[1].obey(order["order"])
        except Exception:
            traceback.print_exc()
            os._exit(1)
        # The parent is gone or wants us gone. Finished files were renamed into place, so there is nothing to tidy.
        os._exit(0)
