"""Whether the server's environment is there, as one value for every panel. A pure function of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Problem
from .survey import Environment, Progress

NOT_SET_UP, PART_DONE, UPDATE_NEEDED, READY, FAILED = "not-set-up", "part-done", "update-needed", "ready", "failed"
STAGES = ("Python", "Engine", "Model", "Check", "Test run")


@dataclass(frozen=True)
class SetupState:
    """What the strip and the card show.

    Attributes:
        kind: "not-set-up", "part-done", "update-needed", "ready" or "failed".
        running: whether somebody works on it now.
        fraction: of the whole set-up, in [0, 1].
        progress: of the unfinished environment, if there is one.
        reason: why it failed, or why the update did, in a sentence; empty otherwise.
        python: the interpreter to use: also that of the old environment while an update is needed.
        have, want: versions, when they differ.
        times: kind -> preset -> seconds, as measured by the test run.
    """

    kind: str
    running: bool = False
    fraction: float = 0.0
    progress: Progress | None = None
    reason: str = ""
    python: Path | None = None
    have: str = ""
    want: str = ""
    times: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def ended_by(self) -> Problem | None:
        """What ended the unfinished set-up, or the update; None while it runs, and where it was paused."""
        failed = self.progress.failed if self.progress is not None and not self.running else None
        return Problem(*failed) if failed else None

    @property
    def text(self) -> str:
        """One line for the strip."""
        if self.running or self.kind == PART_DONE:
            return f"Set-up {self.fraction:.0%}{'' if self.running else ' done'}"
        if self.kind == UPDATE_NEEDED:
            return f"Update needed: {self.have} -> {self.want}" if self.have != self.want else "Update needed"
        return {NOT_SET_UP: "Generator not set up", READY: "Set up", FAILED: "Set-up failed"}[self.kind]


def setup_state(
    version: str, digests: Iterable[str], environments: Sequence[Environment], running: Progress | None = None
) -> SetupState:
    """What `environments`, newest first, mean for an extension of this version.

    Args:
        digests: of the locks that ship with it; an environment made from any of them fits.
        running: how far the set-up is that runs now; None while none does.
    """
    fitting = {f"{version}-{digest[:12]}" for digest in digests}
    stamped = [one for one in environments if one.stamp is not None]
    ready = next((one for one in stamped if one.folder.name in fitting), None)
    usable = ready or next(iter(stamped), None)
    half = running or next((one.half for one in environments if one.half and one.folder.name in fitting), None)
    python = usable.python if usable else None
    have = usable.stamp.version if usable and usable.stamp else ""
    times = usable.stamp.times if usable and usable.stamp else {}
    reason = " ".join(filter(None, half.failed[1:])) if half and half.failed and not running else ""
    fraction = half.fraction if half else 0.0
    kind = (
        READY
        if ready is not None
        else UPDATE_NEEDED
        if usable is not None
        else FAILED
        if reason
        else PART_DONE
        if half is not None
        else NOT_SET_UP
    )
    return SetupState(kind, running is not None, fraction, half, reason, python, have, version, times)
