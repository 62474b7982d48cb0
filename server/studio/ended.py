"""Where a run ended, kept with its result: another may take more steps from there."""

from __future__ import annotations

from pathlib import Path

from server.errors import JobFailed
from server.studio.snapshot import Snapshot, read_snapshot, write_snapshot

# What is about the end itself, and what a second start carries of the first.
_OF_THE_END = ("convergence.", "first.")


def keep_end(snapshot: Snapshot, path: Path) -> None:
    """Write `path`. Raises OSError."""
    going_on = {name: value for name, value in snapshot.tensors.items() if not name.startswith(_OF_THE_END)}
    write_snapshot(Snapshot(going_on, snapshot.step, snapshot.seconds), path)


def load_end(path: Path) -> Snapshot:
    """What `keep_end` wrote. Raises JobFailed: "state-unusable"."""
    try:
        return read_snapshot(path)
    except (OSError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise unusable_end(getattr(error, "strerror", None) or str(error)) from None


def unusable_end(why: str) -> JobFailed:
    said = f"Where the job had ended cannot be gone on from: {why}."
    return JobFailed("state-unusable", said, "Its result is as it was. Make it anew with more steps, from its recipe.")
