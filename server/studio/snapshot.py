"""A run in the middle of its climb, in memory and on disk: enough to go on as if it had never stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from server import __version__
from server.priors.card import PriorCard
from server.recipe import Recipe
from server.studio.tensor_files import read_tensors, write_tensors

SUFFIX = ".safetensors"
# Runs that were stopped and may go on; each holds a field and its optimiser, about 20 MB.
MOST_KEPT = 8


@dataclass(frozen=True)
class Snapshot:
    """The state between two steps.

    Attributes:
        tensors: on the CPU; what the subject, the optimiser and the convergence test remember, and
            "counters", int64: what has been counted.
        step: steps done. Randomness is drawn from the seed and the number of the step, so there is none to keep.
        seconds: of optimisation so far.
    """

    tensors: dict[str, Tensor]
    step: int
    seconds: float


class Unfinished:
    """The place on disk for one run's newest snapshot; the same recipe finds it again.

    Args:
        folder: shared by all runs; created if needed.
    """

    def __init__(self, folder: Path, recipe: Recipe, card: PriorCard) -> None:
        # Another version, model or device need not take the same steps.
        identity = json.dumps([__version__, card.name, recipe.model_dump(mode="json")], sort_keys=True)
        self.path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:20]}{SUFFIX}"

    def load(self) -> Snapshot | None:
        """The snapshot of an earlier run; None when there is none that can be read."""
        if not self.path.is_file():
            return None
        try:
            about, tensors = read_tensors(self.path)
            return Snapshot(tensors, about["step"], about["seconds"])
        except (KeyError, ValueError):
            self.discard()
            return None

    def save(self, snapshot: Snapshot) -> None:
        """Replace the file, whole or not at all, and drop the oldest of too many."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(self.path, snapshot.tensors, {"step": snapshot.step, "seconds": snapshot.seconds})
        by_age = sorted(self.path.parent.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
        for old in by_age[:-MOST_KEPT]:
            old.unlink(missing_ok=True)

    def discard(self) -> None:
        """The run has ended well."""
        self.path.unlink(missing_ok=True)
