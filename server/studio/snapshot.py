"""A run in the middle of its climb, in memory and on disk: enough to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from server import __version__
from server.errors import disk_problem
from server.generators.subject import Subject
from server.priors.card import PriorCard
from server.recipe import Recipe
from server.studio.kept_names import ASIDE, MOST_KEPT, SUFFIX
from server.studio.tensor_files import read_tensors, write_tensors


@dataclass(frozen=True)
class Snapshot:
    """The state between two steps.

    Attributes:
        tensors: on the CPU; what the subject, the optimiser and the convergence test remember, and
            "counters", int64: what has been counted.
        step: steps done. Randomness is drawn from the seed and the number of the step, so there is none to keep.
        seconds: of optimisation so far.
        ended: why there will be no further step, as in `Outcome.stopped_by`; empty while there will.
    """

    tensors: dict[str, Tensor]
    step: int
    seconds: float
    ended: str = ""

    def misfit(self, subject: Subject, steps: int) -> str:
        """Why a run of so many steps of this subject cannot go on from here; empty when it can.

        The subject is asked to be as it was then, and is as before afterwards.
        """
        if not 0 < self.step <= steps:
            return f"it is of step {self.step}"
        parameters = [p for group in subject.parameter_groups() for p in group["params"]]
        expected: dict[str, tuple[int, ...]] = {"counters": (4,)}
        if any(name.startswith("convergence.") for name in self.tensors):
            expected |= {"convergence.mean": (1, 1), "convergence.counts": (2,)}
        for number, parameter in enumerate(parameters):
            if any(name.startswith(f"adam.{number}.") for name in self.tensors):
                moments = {"step": (), "exp_avg": tuple(parameter.shape), "exp_avg_sq": tuple(parameter.shape)}
                expected |= {f"adam.{number}.{name}": shape for name, shape in moments.items()}
        for name, shape in expected.items():
            if name not in self.tensors or tuple(self.tensors[name].shape) != shape:
                return f"its {name} is missing or misshapen"
        before = {name: value.detach().clone() for name, value in subject.state().items()}
        kept = {name: value for name, value in self.tensors.items() if name.startswith("subject.")}
        try:
            subject.restore({name.removeprefix("subject."): value for name, value in kept.items()})
        except (KeyError, ValueError, RuntimeError):
            return "it is of another subject"
        finally:
            subject.restore(before)
        return ""


def write_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Replace the file, whole or not at all. Raises OSError."""
    about = {"step": snapshot.step, "seconds": snapshot.seconds, "ended": snapshot.ended}
    write_tensors(path, snapshot.tensors, about)


def read_snapshot(path: Path) -> Snapshot:
    """Raises OSError; KeyError, TypeError, ValueError or OverflowError when the file is damaged."""
    about, tensors = read_tensors(path)
    return Snapshot(tensors, int(about["step"]), float(about["seconds"]), str(about.get("ended", "")))


class Unfinished:
    """The place on disk for one run's newest snapshot; the same recipe finds it again.

    Args:
        folder: shared by all runs; created if needed.
        start: number of the start that the run is in, from 1.
        most: runs that are kept in the folder, of which the oldest go; None: its owner sees to that.
    """

    def __init__(
        self, folder: Path, recipe: Recipe, card: PriorCard, start: int = 1, most: int | None = MOST_KEPT
    ) -> None:
        # Another version, model or device need not take the same steps.
        identity = json.dumps([__version__, card.name, recipe.model_dump(mode="json")], sort_keys=True)
        again = "" if start == 1 else f"-{start}"
        self._most = most
        self.path = folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:20]}{again}{SUFFIX}"

    def load(self, warn: Callable[[str], None] = lambda message: None) -> Snapshot | None:
        """The snapshot of an earlier run; None when there is none that can be read.

        Args:
            warn: told in a sentence when there is one and it is damaged.
        """
        try:
            if not self.path.is_file() and self._aside.is_file():
                self._aside.replace(self.path)
            if not self.path.is_file():
                return None
            return read_snapshot(self.path)
        except OSError as error:
            warn(f"{disk_problem(error).message} What was kept of an earlier run is there; this one starts anew.")
            return None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self.discard()
            warn(f"What was kept of an earlier run is damaged ({error}); this one starts anew.")
            return None

    def save(self, snapshot: Snapshot) -> int:
        """Replace the file, whole or not at all, and drop the oldest of too many. Returns its bytes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_snapshot(snapshot, self.path)
        if self._most is not None:
            by_age = sorted(self.path.parent.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
            for old in by_age[: -self._most]:
                old.unlink(missing_ok=True)
        return self.path.stat().st_size

    def set_aside(self) -> None:
        """Keep the file for a run that will go on, however many others are kept meanwhile. `load` takes it back."""
        with contextlib.suppress(OSError):
            self.path.replace(self._aside)

    def discard(self) -> None:
        """The run has ended well. A file that cannot be removed harms nobody."""
        for path in (self.path, self._aside):
            with contextlib.suppress(OSError):
                path.unlink()

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f"{self.path.name}{ASIDE}")
