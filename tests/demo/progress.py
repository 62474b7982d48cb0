"""A progress bar on stderr; plain lines where stderr is no terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

WIDTH = 30
LOOK_EVERY_S = 0.25
LINE_EVERY_S = 5.0


class ProgressBar:
    """Shows where a long piece of work stands, from a thread of its own, until `close`.

    Args:
        where: gives (phase, fraction of the whole in [0, 1]); called a few times a second.
        usual: seconds that the whole usually takes.
    """

    def __init__(self, where: Callable[[], tuple[str, float]], usual: float) -> None:
        self._where = where
        self._usual = usual
        self._began = time.monotonic()
        self._live = sys.stderr.isatty()
        self._shown = 0.0
        self._last_line = ("", -LINE_EVERY_S)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        if self._live:
            print(file=sys.stderr)

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY_S):
            self._show(*self._where())
        self._show(*self._where())

    def _show(self, phase: str, fraction: float) -> None:
        elapsed = time.monotonic() - self._began
        self._shown = max(self._shown, fraction)
        # The less is done, the more the estimate leans on the usual duration.
        trust = min(1.0, 4 * self._shown)
        measured = elapsed / max(self._shown, 0.01)
        left = (1 - self._shown) * (trust * measured + (1 - trust) * self._usual)
        text = f"{self._shown:4.0%}  {phase}  {elapsed:.0f} s, about {left:.0f} s left"
        if self._live:
            full = round(WIDTH * self._shown)
            print(f"\r[{'#' * full}{'.' * (WIDTH - full)}] {text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif phase != self._last_line[0] or elapsed - self._last_line[1] >= LINE_EVERY_S:
            self._last_line = (phase, elapsed)
            print(text, file=sys.stderr, flush=True)
