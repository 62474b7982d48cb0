"""One job as its maker sees it: what is asked for, whom to tell, and what is kept of it on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from server.errors import BadRequest, disk_problem
from server.generators.subject import Subject
from server.png import write_png
from server.priors.denoiser import Prior
from server.recipe import Recipe, why_too_much
from server.studio import starts
from server.studio.climb import Step, StopRequest
from server.studio.ended import keep_end, load_end, unusable_end
from server.studio.events import Log, OnEvent
from server.studio.keeping import Keeper
from server.studio.kept_names import MOST_KEPT, THUMBNAIL
from server.studio.looking import Look, Looked
from server.studio.optimisation import Outcome, optimise
from server.studio.plan import Plan, detail_steps
from server.studio.snapshot import Snapshot, Unfinished

# Number of the pass that adds detail.
DETAIL = 3
# What a crash may cost; more where snapshots are large, see Keeper.
SAVE_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Assignment:
    """What is to be made, for the makers of meshes and of textures.

    Attributes:
        number: of the run, from 1: the first start, the second, and the pass that adds detail.
        most_kept: as server.studio.snapshot.Unfinished.
        begin: file of where another job ended, which this one goes on from; see server.studio.ended.
        look: after so many steps the run is left, as server.studio.looking says; None: not before its end.
        said: warnings so far; both starts may meet the same, and each is said once.
    """

    recipe: Recipe
    prior: Prior
    folder: Path
    on_event: OnEvent
    should_stop: StopRequest
    device: str
    unfinished: Path | None
    most_starts: int
    given: Path | None = None
    begin: Path | None = None
    look: int | None = None
    number: int = 1
    said: set[str] = field(default_factory=set)
    most_kept: int | None = MOST_KEPT

    def again(self) -> Assignment:
        """The same from another seed."""
        return self._run(2)

    def closer(self) -> Assignment:
        """The pass that adds detail."""
        return self._run(DETAIL)

    def _run(self, number: int) -> Assignment:
        return replace(self, recipe=_recipes(self.recipe)[number], number=number, begin=None, look=None)

    @property
    def kept(self) -> Unfinished | None:
        if self.unfinished is None:
            return None
        return Unfinished(self.unfinished, self.recipe, self.prior.card, self.number, self.most_kept)

    def forget(self) -> None:
        """Nobody will go on from here."""
        if self.kept is not None:
            self.kept.discard()

    def forget_all(self) -> None:
        """Nobody will go on from any of its runs."""
        for number in _recipes(self.recipe):
            self._run(number).forget()

    def optimise(
        self,
        subject: Subject,
        on_step: Callable[[Step], None],
        start: Snapshot | None,
        picture: Callable[[], NDArray[np.uint8]],
        carried: Mapping[str, torch.Tensor] = MappingProxyType({}),
        plan: Plan | None = None,
    ) -> Outcome:
        """Optimise, and keep the state of the run.

        Args:
            start: see `kept_start`.
            picture: of the subject as it is; the thumbnail of a quick look.
            carried: goes into every snapshot.
            plan: as server.studio.optimisation.optimise.

        Raises:
            Looked: the run was a quick look, and its thumbnail is there.
        """
        if start is not None:
            steps = f"step {start.step} of {self.recipe.steps}"
            self.on_event(Log("info", f"Going on from {steps}, where an earlier run was stopped."))
        ask = self.should_stop
        if self.look is not None:
            look = Look(self.look, 0 if start is None else start.step, on_step, ask)
            on_step, ask = look.on_step, look.should_stop
        keeper = Keeper(self.kept, ask, carried, self.warn, SAVE_INTERVAL_S)
        try:
            return optimise(
                subject, self.prior, self.recipe, on_step, keeper.should_stop, self.warn, keeper.save, start, plan
            )
        except Looked:
            write_png(self.folder / THUMBNAIL, picture())
            raise

    def kept_start(self, subject: Subject) -> Snapshot | None:
        """Where an earlier run with this recipe was, unless what was kept of it cannot be used."""
        start = None if self.kept is None else self.kept.load(self.warn)
        misfit = "" if start is None else start.misfit(subject, self.recipe.steps)
        if misfit:
            self.refuse_kept(misfit)
            start = None
        return self._given_start(subject) if start is None else start

    def _given_start(self, subject: Subject) -> Snapshot | None:
        """Where the job ended that this one begins with. Raises JobFailed: "state-unusable"."""
        if self.begin is None:
            return None
        start = load_end(self.begin)
        misfit = start.misfit(subject, self.recipe.steps)
        if misfit:
            raise unusable_end(misfit)
        return start

    def keep_end(self, path: Path) -> bool:
        """Keep where the run ended, for whoever wants more steps; whether it is kept."""
        end = None if self.kept is None else self.kept.load()
        if end is None:
            return False
        try:
            keep_end(end, path)
        except OSError as error:
            self.warn(f"{disk_problem(error).message} The result is whole, but cannot be given more steps.")
            return False
        return True

    def refuse_kept(self, why: str) -> None:
        self.forget()
        self.warn(f"What was kept of an earlier run cannot be used ({why}); this one starts anew.")

    def leave_if_asked(self) -> None:
        """Where the state of the run is kept already, or there is none."""
        while self.should_stop() == "keep":
            pass

    def warn(self, message: str) -> None:
        if message not in self.said:
            self.said.add(message)
            self.on_event(Log("warning", message))


def set_aside(recipe: Recipe, prior: Prior, unfinished: Path) -> None:
    """Keep what there is of a run of this recipe until it goes on, however many others are kept meanwhile."""
    for number, of_run in _recipes(recipe).items():
        Unfinished(unfinished, of_run, prior.card, number).set_aside()


def _recipes(recipe: Recipe) -> dict[int, Recipe]:
    """Of each run that there may be, by its number."""
    again = {"seed": starts.second_seed(recipe.seed)}
    closer = {"steps": detail_steps(recipe.steps)}
    return {1: recipe, 2: recipe.model_copy(update=again), DETAIL: recipe.model_copy(update=closer)}


def render_side(recipe: Recipe, usual: int) -> int:
    """Pixels a side of every view. Raises BadRequest when all views of a step would be too much for memory."""
    side = recipe.render_size or usual
    why = why_too_much(recipe.views_per_step, side)
    if why:
        raise BadRequest("recipe-invalid", f"The recipe {why}.", "Ask for fewer views, or for a smaller render size.")
    return side


def account(outcome: Outcome) -> dict[str, Any]:
    """The part of a report that tells of the optimisation."""
    return {
        "steps": outcome.steps,
        "denoiser_calls": outcome.denoiser_calls,
        "stopped_by": outcome.stopped_by,
        "skipped_steps": outcome.skipped_steps,
    }
