"""How long a server that gives no sign of life is waited for: a slow one is no dead one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .client import Slow, Unreachable
from .errors import Problem
from .interrupt import Interrupt

# Seconds while nobody listens, and while somebody listens and says nothing: a computer that is out of memory can stand
# still for minutes.
PATIENCE = 20.0
SILENT = 600.0
PAUSE = 0.3

_Answer = TypeVar("_Answer")


def ask_while_slow(question: Callable[[], _Answer], stop: Interrupt, seconds: float) -> _Answer:
    """The answer to a question that is asked again, for some seconds, while the server is slow.

    Raises:
        Slow: it still is.
        Interrupted: `stop` was set.
        Problem: anything else that it says, or that nobody listens, at once.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            return question()
        except Slow:
            if time.monotonic() > ends:
                raise
        stop.wait(PAUSE)


class Patience:
    """One wait after another, for one server.

    Args:
        stop: ends the waiting.
        check_alive: raises when the server is known to be dead.
        absent: seconds after which a server is lost to which nobody can connect.
        silent: seconds after which one is given up that can be connected to, but gives no sign of life.
        tell: told once per silence, after `PATIENCE` seconds of it.
        retrying: told how often it was tried again so far, and 0 once that helped.
    """

    def __init__(
        self,
        stop: Interrupt,
        check_alive: Callable[[], None],
        absent: float = PATIENCE,
        silent: float = SILENT,
        tell: Callable[[str], None] = lambda text: None,
        retrying: Callable[[int], None] = lambda attempts: None,
    ) -> None:
        self._attempts = 0
        self._retrying = retrying
        self._stop = stop
        self._check_alive = check_alive
        self._absent = absent
        self._silent = silent
        self._tell = tell
        self.renew()

    def renew(self) -> None:
        """There was a sign of life."""
        if self._attempts:
            self._attempts = 0
            self._retrying(0)
        self._sign = self._listened = time.monotonic()
        self._told = False

    def wait(self, trouble: Unreachable | None) -> None:
        """Pause before another attempt.

        Args:
            trouble: what came of the last one; None when it ended without a word.

        Raises:
            Interrupted: `stop` was set.
            Problem: "server-lost", "server-slow", or what `check_alive` raises.
        """
        self._attempts += 1
        self._retrying(self._attempts)
        self._stop.wait(PAUSE)
        self._check_alive()
        now = time.monotonic()
        if isinstance(trouble, Slow):
            self._listened = now
        if now - self._listened > self._absent:
            raise Problem(
                "server-lost",
                f"No answer from the server for {now - self._sign:.0f} s.",
                "The job may still be running. Start again when the server is back.",
            )
        if now - self._sign > self._silent:
            raise trouble or Slow()
        if now - self._sign > PATIENCE and not self._told:
            self._told = True
            self._tell(f"The server has not answered for {now - self._sign:.0f} s. It may be busy; still waiting.")

    def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """The answer to a question that may be asked several times.

        Raises:
            Interrupted, Problem: as `wait`, and what the server refuses.
        """
        self.renew()
        while True:
            try:
                answer = question()
            except Unreachable as trouble:
                self.wait(trouble)
            else:
                self.renew()
                return answer
