"""What the panels show of a job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

OVER = ("done", "failed", "cancelled")


@dataclass
class JobView:
    """A job as plain values, written by Blender's main thread only.

    Attributes:
        state: "starting", "queued", "running", "paused", "finishing", "done", "failed" or "cancelled".
        fraction: of the whole job, in [0, 1].
        seconds_left: None while unknown.
        live_meshes, live_images: previews shown so far.
        notes: lines for the panel.
        began: on the monotonic clock.
        result: name of the object or image that was made.
        report: the server's report.
        folder: where the result's files lie.
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
    denoiser_calls: int = 0
    live_meshes: int = 0
    live_images: int = 0
    job_id: str = ""
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    result: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    folder: str = ""

    @property
    def busy(self) -> bool:
        return self.state not in OVER

    def tick(self) -> bool:
        """Move the clock; whether it shows another second now."""
        before, self.seconds = self.seconds, time.monotonic() - self.began
        return int(before) != int(self.seconds)

    def end(self, state: str) -> None:
        self.state = state
        self.tick()
