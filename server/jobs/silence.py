"""Whether a process that says nothing hangs, or only gets too little of a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

# Who does less in a whole limit does not want the processor.
STILL_S = 0.1


class Silence:
    """How long a process has said nothing, and how much of the processor it had meanwhile.

    Native code that keeps the interpreter for itself, and with it the heartbeat, takes seconds; where a renderer has
    all cores, those are minutes.

    Args:
        worked: seconds that the process has had of the processor.
        now: seconds on a clock that only goes forward.
    """

    def __init__(self, worked: Callable[[], float], now: Callable[[], float] = time.monotonic) -> None:
        self._worked, self._now = worked, now
        self._heard = self._noticed = self._still_since = now()
        self._worked_then = self._worked_lately = 0.0

    def heard(self) -> None:
        """It said something just now; from any thread."""
        self._heard = self._now()

    def is_hanging(self, limit_s: float) -> bool:
        """Whether it has said nothing for so long, and meanwhile either had the processor for as long or, lately and
        for as long, did not want it. To be asked every second or so."""
        now, worked = self._now(), self._worked()
        if self._noticed != self._heard:
            self._noticed, self._worked_then = self._heard, worked
            self._still_since, self._worked_lately = now, worked
        if worked - self._worked_lately >= STILL_S:
            self._still_since, self._worked_lately = now, worked
        if now - self._noticed <= limit_s:
            return False
        return now - self._still_since > limit_s or worked - self._worked_then > limit_s


def processor_seconds(pid: int) -> float:
    """What a process and its threads have had of the processor so far; 0 for one that is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
