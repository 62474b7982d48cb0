"""A quick look: a run that leaves by itself once one can tell what it will be, and goes on when somebody wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from server.studio.climb import Step, StopRequest


class Looked(Exception):
    """The look is there, and what the run has reached is kept."""


class Look:
    """Ends a run after so many steps: has it kept, then leaves. One that is as short as that runs to its end.

    Args:
        steps: see `steps_of_look` of look_steps.py.
        begun: steps that were made before.
        tell, ask: what is told of every step, and asked before it, without a look.
    """

    def __init__(self, steps: int, begun: int, tell: Callable[[Step], None], ask: StopRequest) -> None:
        self._steps = steps
        self._tell = tell
        self._ask = ask
        self._is_there, self._is_kept = begun >= steps, False

    def on_step(self, step: Step) -> None:
        self._is_there = step.number >= self._steps
        self._tell(step)

    def should_stop(self) -> Literal["finish", "keep"] | None:
        """Raises Looked, and what `ask` raises."""
        wish = self._ask()
        if wish is not None or not self._is_there:
            return wish
        if self._is_kept:
            raise Looked
        self._is_kept = True
        return "keep"
