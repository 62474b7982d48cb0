"""Threads that may use the network inside Blender."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable


def network_thread(work: Callable[[], None], name: str) -> threading.Thread:
    """A daemon thread, not yet started, in which writing to a closed connection raises instead of ending the program.

    Python on its own ignores SIGPIPE; Blender does not, so its default action, the end of the process, would be taken.
    """

    def run() -> None:
        if hasattr(signal, "pthread_sigmask"):  # Windows has no such signal
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        work()

    return threading.Thread(target=run, name=name, daemon=True)
