"""What is told of an optimisation while it runs: how far it is, and how it looks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from server.studio.climb import Step
from server.studio.events import OnEvent, Progress

# Shares of a job's progress bar, from measured durations with the prior that ships.
LOADED, OPTIMISED = 0.03, 0.90
# A second start has what is left: the bar does not go back.
STARTED_TWICE = 0.98
# Previews cost time that the optimisation could use: about this many over a whole job, and never two within a second.
PREVIEWS = 12
PREVIEW_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Bar:
    """Shares of a texture's progress bar.

    Attributes:
        starts: before and after the first one and the second.
        done: after one start, or two, and the detail that may follow.
    """

    starts: tuple[tuple[float, float], tuple[float, float]]
    done: tuple[float, float]


def bar_of(calls: int, detail_calls: int) -> Bar:
    """For a start of so many denoiser calls and a second pass of so many, 0 without one."""
    if not detail_calls:
        return Bar(((LOADED, OPTIMISED), (OPTIMISED, STARTED_TWICE)), (OPTIMISED, STARTED_TWICE))
    painted = LOADED + (OPTIMISED - LOADED) * calls / (calls + detail_calls)
    again = (painted + OPTIMISED) / 2
    return Bar(((LOADED, painted), (painted, again)), (OPTIMISED, OPTIMISED))


class Narrator:
    """Turns optimisation steps into progress events, and shows a preview now and then.

    Args:
        shares: of the whole job that are done before the first step and after the last.
        calls: denoiser calls before the first step.
    """

    def __init__(
        self,
        phase: str,
        on_event: OnEvent,
        preview: Callable[[], None],
        shares: tuple[float, float],
        calls: int = 0,
    ) -> None:
        self._phase = phase
        self._on_event = on_event
        self._preview = preview
        self._shares = shares
        self._calls = calls
        self._last_preview = time.monotonic()

    def __call__(self, step: Step) -> None:
        share = step.number / step.planned
        seconds_left = step.seconds * (1 / share - 1) / OPTIMISED
        before, after = self._shares
        fraction, calls = before + (after - before) * share, self._calls + step.denoiser_calls
        self._on_event(
            Progress(self._phase, fraction, step.number, step.planned, seconds_left, calls, step.q, step.shell_ratio)
        )
        # Slow steps: by step number alone; fast ones: not more often than the clock allows.
        due = step.number % max(1, step.planned // PREVIEWS) == 0
        if due and time.monotonic() - self._last_preview >= PREVIEW_INTERVAL_S:
            self._preview()
            self._last_preview = time.monotonic()
