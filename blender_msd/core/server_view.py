"""What Blender's main thread knows of the server: its process, and the connection to it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .errors import Problem

# After these there is no server any more.
_GONE = ("server-lost", "server-stopped")


@dataclass
class ServerView:
    """Plain values, written by Blender's main thread only.

    Attributes:
        process: "off", "starting", "slow" or "ready".
        began: when it began to start, on the monotonic clock.
        last_line: what it said last while it started.
        retries: attempts so far to reach it again; 0 while it is reached.
    """

    process: str = "off"
    began: float = field(default_factory=time.monotonic)
    last_line: str = ""
    retries: int = 0

    def start(self) -> None:
        """It is being started, or looked for, unless it was ready before."""
        if self.process != "ready":
            self.process, self.began, self.last_line = "starting", time.monotonic(), ""
        self.retries = 0

    def connect(self) -> None:
        self.process, self.retries, self.last_line = "ready", 0, ""

    def stop(self) -> None:
        self.process, self.retries = "off", 0

    def give_up_start(self) -> None:
        """Whoever wanted it to start does not want it any more."""
        if self.process == "starting":
            self.process = "off"

    def judge(self, problem: Problem, of_job: bool) -> None:
        """Draw conclusions from a problem.

        Args:
            of_job: whether it ended a job; a request beside one may be lost for reasons of its own.
        """
        self.retries = 0
        if problem.code == "server-slow":
            self.process = "slow"
        elif (of_job and problem.code in _GONE) or self.process in ("starting", "slow"):
            self.process = "off"
