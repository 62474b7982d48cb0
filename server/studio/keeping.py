"""When a run that is under way is kept on disk, so that whatever ends it costs seconds and not the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from torch import Tensor

from server.errors import disk_problem
from server.studio.snapshot import Snapshot, Unfinished

# What an interval of the least length may write; a larger snapshot waits for longer, so that disks are spared.
BYTES_AN_INTERVAL = 4_000_000

Wish = Literal["finish", "keep"]


class Keeper:
    """Saves the snapshots of one run: when it is asked to, when it is time to, and at the end.

    Args:
        place: where to; None keeps nothing.
        should_stop: as server.studio.climb.StopRequest.
        carried: goes into every snapshot.
        warn: told in a sentence when nothing can be kept; the run goes on.
        interval_s: seconds from one snapshot to the next; more for snapshots of more than BYTES_AN_INTERVAL.
    """

    def __init__(
        self,
        place: Unfinished | None,
        should_stop: Callable[[], Wish | None],
        carried: Mapping[str, Tensor],
        warn: Callable[[str], None],
        interval_s: float,
    ) -> None:
        self._place = place
        self._should_stop = should_stop
        self._carried = carried
        self._warn = warn
        self._least_s = self._interval_s = interval_s
        self._saved = time.monotonic()
        self._asked = self._kept_now = False

    def should_stop(self) -> Wish | None:
        """What the user asks for, and "keep" when it is time to."""
        due = time.monotonic() - self._saved >= self._interval_s and not self._kept_now
        wish = "keep" if due and self._place is not None else self._should_stop()
        self._asked, self._kept_now = wish == "keep", False
        return wish

    def save(self, snapshot: Snapshot) -> None:
        """Save it if it was asked for, is the last, or is due."""
        due = time.monotonic() - self._saved >= self._interval_s
        self._kept_now = self._kept_now or self._asked
        if self._place is None or snapshot.step == 0 or not (self._asked or snapshot.ended or due):
            return
        self._asked = False
        try:
            size = self._place.save(replace(snapshot, tensors={**snapshot.tensors, **self._carried}))
            self._interval_s = self._least_s * max(1.0, size / BYTES_AN_INTERVAL)
        except OSError as error:
            reason = disk_problem(error).message
            self._warn(f"{reason} The run goes on, but what it has reached cannot be kept for another.")
        self._saved = time.monotonic()
