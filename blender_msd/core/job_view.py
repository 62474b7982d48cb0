"""What the panels show of a job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from .errors import Problem

# "lost": its server is out of reach, where it may go on.
OVER = ("done", "failed", "cancelled", "lost")
# Phases of optimisation, by their beginnings; those before load, those behind make the result.
OPTIMISING = ("Shaping", "Painting")
# For so long a button that has just arrived takes no click: it was meant for the one that was there before.
ARRIVAL = 0.5


@dataclass(eq=False)
class JobView:
    """A job as plain values, written by Blender's main thread only.

    Attributes:
        state: "starting", "queued", "running", "paused", "finishing", "done", "failed", "cancelled" or "lost".
        look: "asked" while it is a quick look, "there" once it waits to be chosen; empty for what is made as a whole.
        ticked: whether a person means to choose it.
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
        number: of it in this Blender.
        others_before: jobs of others that are worked on before it, while it waits.
        place: jobs that wait before it.
        reused: whether the server had made it before.
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
    number: int = 0
    others_before: int = 0
    place: int = 0
    reused: bool = False
    problem: Problem | None = None
    look: str = ""
    ticked: bool = False
    _usable: bool = False
    # Seconds that workers had it: before its newest attempt, and in that.
    _worked: tuple[float, float] = (0.0, 0.0)

    @property
    def busy(self) -> bool:
        return self.state not in OVER

    @property
    def waits_to_be_chosen(self) -> bool:
        """Whether it is a quick look that is there; one that was no shorter than the whole is done."""
        return self.look == "there" or (bool(self.look) and self.state == "done" and self.phase != "Left")

    @property
    def may_go_on(self) -> bool:
        """Whether its server works on it, as far as is known."""
        return self.busy or self.state == "lost"

    @property
    def handle(self) -> str:
        """What operators call it: its id on the server, as soon as it has one."""
        return self.job_id or f"new-{self.number}"

    @property
    def worked(self) -> float:
        """Seconds of work that are in it."""
        return sum(self._worked)

    @property
    def optimises(self) -> bool:
        """Whether it can be told to be content with what it has."""
        return self.state == "running" and self.phase.startswith(OPTIMISING)

    @property
    def can_finish(self) -> bool:
        """Whether there is something that a result could be made from by now."""
        return self.optimises or (self.state == "paused" and self.fraction > 0)

    @property
    def settled(self) -> bool:
        """Whether its buttons have been there for a moment."""
        return time.monotonic() - self.changed >= ARRIVAL

    @property
    def is_new(self) -> bool:
        """Whether it was begun a moment ago."""
        return time.monotonic() - self.began < ARRIVAL

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

    def work(self, elapsed: float) -> None:
        """A worker has had it for so many seconds, this time."""
        before, last = self._worked
        self._worked = (before + last if elapsed < last else before, elapsed)

    def tick(self) -> bool:
        """Move the clock; whether it shows another second now."""
        before, self.seconds = self.seconds, time.monotonic() - self.began
        return int(before) != int(self.seconds)

    def arrive(self) -> None:
        """Its buttons are new where they are."""
        self.changed, self._usable = time.monotonic(), False

    def begin_again(self) -> None:
        """It is to be worked on once more."""
        self.state, self.phase, self.problem, self.waits_for_a_place = "queued", "Waiting", None, False
        self.fraction, self.step, self.steps, self.seconds_left, self.expected = 0.0, 0, 0, None, None
        self.live_meshes = self.live_images = 0
        self.look = "asked" if self.look else ""
        self.began = time.monotonic()
        self.arrive()

    def fail(self, problem: Problem) -> None:
        self.problem = problem
        self.end("failed")

    def end(self, state: str) -> None:
        self.state = state
        self.arrive()
        self.tick()


def clock(seconds: float) -> str:
    """Minutes and seconds, as "2:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
