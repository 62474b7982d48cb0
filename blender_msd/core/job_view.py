"""What the panels show of a job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from .errors import Problem

OVER = ("done", "failed", "cancelled")
# Phases of optimisation, by their beginnings; those before load, those behind make the result.
OPTIMISING = ("Shaping", "Painting")
# For so long a button that has just arrived takes no click: it was meant for the one that was there before.
ARRIVAL = 0.5


@dataclass
class JobView:
    """A job as plain values, written by Blender's main thread only.

    Attributes:
        state: "starting", "queued", "running", "paused", "finishing", "done", "failed" or "cancelled".
        fraction: of the whole job, in [0, 1].
        seconds_left: when `told`; None while unknown.
        told: when the server told its progress, on the monotonic clock.
        expected: seconds that the whole job takes, as the optimisation said; None while unknown.
        q: how far its last step was from a mode, in bandwidths; None outside the optimisation.
        live_meshes, live_images: previews shown so far.
        notes: lines for the panel.
        began: on the monotonic clock.
        result: name of the object or image that was made.
        aim: the name of what its result goes on, for people; empty for nothing.
        changed: when its buttons changed, on the monotonic clock.
        waits_for_a_place: whether it is done, and the scene that its result was for is gone.
        report: the server's report.
        folder: where the result's files lie.
        problem: why it failed.
    """

    kind: str
    prompt: str
    seed: int
    state: str = "starting"
    phase: str = "Starting"
    fraction: float = 0.0
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    told: float = field(default_factory=time.monotonic)
    expected: float | None = None
    denoiser_calls: int = 0
    q: float | None = None
    live_meshes: int = 0
    live_images: int = 0
    job_id: str = ""
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    changed: float = field(default_factory=time.monotonic)
    waits_for_a_place: bool = False
    aim: str = ""
    seconds: float = 0.0
    result: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    folder: str = ""
    problem: Problem | None = None
    _usable: bool = False

    @property
    def busy(self) -> bool:
        return self.state not in OVER

    @property
    def optimises(self) -> bool:
        """Whether it can be told to be content with what it has."""
        return self.state == "running" and self.phase.startswith(OPTIMISING)

    @property
    def settled(self) -> bool:
        """Whether its buttons have been there for a moment."""
        return time.monotonic() - self.changed >= ARRIVAL

    def arrives(self) -> bool:
        """Whether its buttons became usable since this was asked last."""
        before, self._usable = self._usable, self.settled
        return self._usable and not before

    def progress(self, phase: str, fraction: float, step: int, steps: int, seconds_left: float | None) -> None:
        """What the server says of its progress, which counts steps, and tells the time left, of the optimisation alone.

        The rest goes on at the pace of the whole.
        """
        self.tick()
        self.phase, self.fraction, self.told = phase, fraction, time.monotonic()
        is_optimising = phase.startswith(OPTIMISING)
        self.step, self.steps = (step, steps) if is_optimising else (0, 0)
        if is_optimising and seconds_left is not None:
            self.expected = self.seconds + seconds_left
        elif seconds_left is None and self.expected is not None:
            seconds_left = self.expected * (1.0 - fraction)
        self.seconds_left = seconds_left

    def left(self) -> float | None:
        """Seconds left by now; None while unknown."""
        if self.seconds_left is None:
            return None
        return max(0.0, self.seconds_left - (time.monotonic() - self.told))

    def tick(self) -> bool:
        """Move the clock; whether it shows another second now."""
        before, self.seconds = self.seconds, time.monotonic() - self.began
        return int(before) != int(self.seconds)

    def fail(self, problem: Problem) -> None:
        self.problem = problem
        self.end("failed")

    def end(self, state: str) -> None:
        self.state = state
        self.changed, self._usable = time.monotonic(), False
        self.tick()


def clock(seconds: float) -> str:
    """Minutes and seconds, as "2:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
