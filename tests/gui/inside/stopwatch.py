"""How long the add-on keeps Blender's main thread: each turn of its timer, and each drawing of each panel."""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import bpy


class Stopwatch:
    """Put around the enabled add-on from outside; the product knows nothing of it."""

    def __init__(self, extension: str) -> None:
        self.turns: list[float] = []
        self.drawings: dict[str, list[float]] = defaultdict(list)
        bridge = sys.modules[f"{extension}.blender_msd.bridge"]
        bridge._tick = self._timed_turn(bridge._tick)
        for panel in bpy.types.Panel.__subclasses__():
            if panel.__name__.startswith("MSD_PT_"):
                panel.draw = self._timed_drawing(panel.__name__, panel.draw)

    def measures(self) -> dict[str, Any]:
        """In milliseconds."""
        drawings = {name: times for name, times in self.drawings.items() if times}
        return {
            "turns": len(self.turns),
            "longest_turn": 1000 * max(self.turns, default=0.0),
            "drawings": {
                name: [len(times), 1000 * statistics.median(times), 1000 * max(times)]
                for name, times in drawings.items()
            },
        }

    def _timed_turn(self, turn: Callable[[], float | None]) -> Callable[[], float | None]:
        def timed() -> float | None:
            began = time.perf_counter()
            try:
                return turn()
            finally:
                self.turns.append(time.perf_counter() - began)

        return timed

    def _timed_drawing(self, name: str, draw: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        # Blender counts the arguments of what it calls.
        def timed(self_: Any, context: Any) -> None:
            began = time.perf_counter()
            try:
                draw(self_, context)
            finally:
                self.drawings[name].append(time.perf_counter() - began)

        return timed
