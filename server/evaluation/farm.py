"""A night of a farm as a chain of events: machines take objects from one queue, fail, and take up what others left."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Farm:
    """Machines that are alike, each of which makes one object at a time.

    Attributes:
        start_s: seconds of every start of a task before its object goes on: Python, the model, the queue.
        failures_per_hour: of one machine while it works.
        repair_s: seconds until a machine that failed takes work again.
        checkpoint_s: seconds from one checkpoint to the next; what a failure costs is at most that, and a start.
    """

    machines: int
    start_s: float = 0.0
    failures_per_hour: float = 0.0
    repair_s: float = 0.0
    checkpoint_s: float = math.inf


@dataclass(frozen=True)
class Night:
    """What came of it.

    Attributes:
        seconds: until the last object was done.
        tail_s: of those, the last, from when a machine found nothing to do any more.
        busy_s: of all machines together, while they worked; starts and what was made twice included.
        lost_s: of those, work that was made twice.
    """

    seconds: float
    tail_s: float
    busy_s: float
    lost_s: float
    failures: int


def simulate(objects: Sequence[float], farm: Farm, rng: np.random.Generator) -> Night:
    """One night.

    Args:
        objects: seconds of work of each, in the order of the queue; what a machine that fails leaves goes to its front.
    """
    waiting, idle = deque(objects), list(range(farm.machines))
    # When it happens, what comes back to the queue then, and which machine is free from then on; None: none.
    events: list[tuple[float, int, float, int | None]] = []
    now = busy = lost = 0.0
    failures, count = 0, 0
    out_of_work: float | None = None

    def later(seconds: float, comes_back: float, machine: int | None) -> None:
        nonlocal count
        count += 1
        heapq.heappush(events, (now + seconds, count, comes_back, machine))

    last_done = 0.0
    while True:
        while waiting and idle:
            machine, work = idle.pop(), waiting.popleft()
            needed = farm.start_s + work
            fails_after = rng.exponential(3600 / farm.failures_per_hour) if farm.failures_per_hour else math.inf
            if fails_after >= needed:
                busy += needed
                last_done = max(last_done, now + needed)
                later(needed, 0.0, machine)
                continue
            done = max(0.0, fails_after - farm.start_s)
            kept = 0.0 if math.isinf(farm.checkpoint_s) else done - math.fmod(done, farm.checkpoint_s)
            failures, busy, lost = failures + 1, busy + fails_after, lost + done - kept
            later(fails_after, work - kept, None)
            later(fails_after + farm.repair_s, 0.0, machine)
        if idle and not waiting and out_of_work is None:
            out_of_work = now
        if not events:
            return Night(last_done, last_done - min(out_of_work or 0.0, last_done), busy, lost, failures)
        now, _, comes_back, free = heapq.heappop(events)
        if comes_back:
            waiting.appendleft(comes_back)
            out_of_work = None
        if free is not None:
            idle.append(free)
