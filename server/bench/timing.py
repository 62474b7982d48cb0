"""A stopwatch that is told what begins, and the best of several tries."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from server.accelerators import wait_for


class Stopwatch:
    """Splits time into named parts.

    Attributes:
        seconds: of each part so far, in the order in which they first began.
    """

    def __init__(self, device: str) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._part: str | None = None
        self._since = 0.0

    def enter(self, part: str | None) -> None:
        """What runs from here on belongs to `part`; None stops the watch."""
        wait_for(self._device)
        now = time.perf_counter()
        if self._part is not None:
            self.seconds[self._part] = self.seconds.get(self._part, 0.0) + now - self._since
        self._part, self._since = part, now


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Seconds of one run, with nothing else under way on the device."""
    wait_for(device)
    since = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - since


def best_times(works: Mapping[str, Callable[[], None]], repeats: int, device: str) -> dict[str, float]:
    """Seconds of the fastest of `repeats` runs of each piece of work, after one that does not count.

    They take turns, so that whatever else runs on the machine disturbs all of them alike.
    """
    best = dict.fromkeys(works, float("inf"))
    for repeat in range(repeats + 1):
        for name, work in works.items():
            seconds = seconds_of(work, device)
            if repeat:
                best[name] = min(best[name], seconds)
    return best
