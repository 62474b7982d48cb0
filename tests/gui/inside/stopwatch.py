"""How long the add-on keeps Blender's main thread: each turn of its timer, and each drawing of each panel.

Beside the time on the clock stands the thread's own: on a busy machine the clock tells of others, too.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import bpy

COSTLIEST = 5


class Stopwatch:
    """Put around the enabled add-on from outside; the product knows nothing of it."""

    def __init__(self, extension: str) -> None:
        # Seconds on the clock, seconds of the thread, and the messages that were dealt with.
        self.turns: list[tuple[float, float, str]] = []
        self._messages: list[str] = []
        self.drawings: dict[str, list[float]] = defaultdict(list)
        # When each panel's last drawing ended, on the clock of perf_counter.
        self.drawn: dict[str, float] = {}
        bridge = sys.modules[f"{extension}.blender_msd.bridge"]
        bridge._tick = self._timed_turn(bridge._tick)
        link = bridge.Link
        link._receive = self._noted(link._receive)
        for panel in bpy.types.Panel.__subclasses__():
            if panel.__name__.startswith("MSD_PT_"):
                panel.draw = self._timed_drawing(panel.__name__, panel.draw)

    def measures(self) -> dict[str, Any]:
        """In milliseconds."""
        drawings = {name: times for name, times in self.drawings.items() if times}
        costliest = sorted(self.turns, key=lambda turn: turn[1], reverse=True)[:COSTLIEST]
        return {
            "turns": len(self.turns),
            "longest_turn": 1000 * max((turn[0] for turn in self.turns), default=0.0),
            "costliest_turns": [[1000 * clock, 1000 * own, what] for clock, own, what in costliest],
            "drawings": {
                name: [len(times), 1000 * statistics.median(times), 1000 * max(times)]
                for name, times in drawings.items()
            },
        }

    def _timed_turn(self, turn: Callable[[], float | None]) -> Callable[[], float | None]:
        def timed() -> float | None:
            self._messages.clear()
            began, own = time.perf_counter(), time.thread_time()
            try:
                return turn()
            finally:
                spent = time.perf_counter() - began, time.thread_time() - own
                self.turns.append((*spent, ", ".join(self._messages) or "nothing"))

        return timed

    def _noted(self, receive: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any, Any], None]:
        def noted(link: Any, of: Any, message: Any) -> None:
            self._messages.append(type(message).__name__)
            receive(link, of, message)

        return noted

    def _timed_drawing(self, name: str, draw: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        # Blender counts the arguments of what it calls.
        def timed(self_: Any, context: Any) -> None:
            began = time.perf_counter()
            try:
                draw(self_, context)
            finally:
                self.drawn[name] = time.perf_counter()
                self.drawings[name].append(self.drawn[name] - began)

        return timed
