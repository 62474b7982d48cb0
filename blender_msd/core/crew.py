"""The threads that work for one link, so that none is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import Interrupted, Problem, mistake
from .threads import network_thread


class Crew:
    """Threads that may use the network; used from the main thread only."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None], name: str) -> threading.Thread:
        thread = network_thread(work, name)
        self._threads.append(thread)
        thread.start()
        return thread

    def ask(self, work: Callable[[], None], refused: Callable[[Problem], None]) -> None:
        """Do a request beside the job; `refused` is called on its thread."""

        def run() -> None:
            try:
                work()
            except Interrupted:
                pass
            except Problem as problem:
                refused(problem)
            except Exception as error:
                refused(mistake(error))

        self.start(run, "msd-request")

    @property
    def busy(self) -> bool:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        return bool(self._threads)

    def join(self, seconds: float) -> None:
        """Wait for each of them, at most so long."""
        for thread in self._threads:
            thread.join(seconds)
