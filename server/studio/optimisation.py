"""Steps uphill until there is a reason to stop, and what is done when one of them goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from server.errors import JobFailed
from server.generators.subject import Subject
from server.priors.denoiser import Prior
from server.recipe import Recipe
from server.studio.climb import Climb, Step, StopRequest
from server.studio.health import MOST_BAD_STEPS, is_mostly_broken, is_out_of_memory, out_of_memory
from server.studio.plan import Plan
from server.studio.rescue import fall_back, is_lost, lighten, restore, revive, take_snapshot
from server.studio.snapshot import Snapshot

SNAPSHOTS = 20
# What broken numbers leave behind is finished from this share of the steps on; before, it is a blur.
LEAST_TO_KEEP = 0.4


@dataclass(frozen=True)
class Outcome:
    """How the optimisation ended.

    Attributes:
        steps: steps that made the result.
        denoiser_calls: evaluations of the network, counted per image and per guidance branch.
        stopped_by: "steps" | "converged" | "time" | "finish" | "not-finite".
        skipped_steps: steps thrown away because a gradient was not finite.
    """

    steps: int
    denoiser_calls: int
    seconds: float
    stopped_by: str
    skipped_steps: int


def optimise(
    subject: Subject,
    prior: Prior,
    recipe: Recipe,
    on_step: Callable[[Step], None],
    should_stop: StopRequest,
    on_warning: Callable[[str], None],
    on_snapshot: Callable[[Snapshot], None] = lambda snapshot: None,
    start: Snapshot | None = None,
    plan: Plan | None = None,
) -> Outcome:
    """Climb until the recipe's steps are done, the shift has vanished, time is up or the user has seen enough.

    Args:
        on_warning: told in a sentence what went wrong and was mended: steps skipped, a shape that vanished, memory.
        on_snapshot: called about SNAPSHOTS times in a run, whenever `should_stop` says so, and with the end.
        start: of an earlier run with the same recipe and threads, to go on from; on a CPU it ends in the same bits.
        plan: of as many steps as the recipe has; None is the recipe's own.

    Raises:
        JobFailed: "not-finite" when numbers stay broken before there is anything to keep; "nothing-formed" when nothing
            was left to be seen for the second time; "out-of-memory".
        Cancelled: from `should_stop`.
    """
    climb = Climb(subject, prior, recipe, plan)
    first = take_snapshot(climb)
    if start is not None:
        restore(climb, start)
        # Whoever wants to finish there says so again; whoever asks for the recipe anew wants all of its steps.
        if start.ended and start.ended != "finish":
            return Outcome(climb.step, climb.calls, start.seconds, start.ended, climb.skipped)
    good = take_snapshot(climb)
    every = max(1, recipe.steps // SNAPSHOTS)
    lightened = False
    stopped_by = "steps"
    while climb.step < recipe.steps:
        while (wish := climb.excluding(should_stop)) == "keep":
            on_snapshot(take_snapshot(climb))
        if wish == "finish":
            stopped_by = "finish"
            break
        if recipe.time_budget_s is not None and climb.seconds() > recipe.time_budget_s:
            stopped_by = "time"
            break
        try:
            converged = climb.advance()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            less = None if lightened else lighten(climb)
            if less is None:
                raise out_of_memory(error) from error
            lightened = True
            on_warning(f"Memory ran out at step {climb.step + 1}; {less} from here on.")
            continue
        if climb.bad_in_a_row >= MOST_BAD_STEPS:
            broke_at = climb.step - MOST_BAD_STEPS + 1
            fall_back(climb, good)
            if good.step < LEAST_TO_KEEP * recipe.steps:
                raise JobFailed(
                    "not-finite",
                    f"The optimisation produced numbers that are not finite from step {broke_at} on.",
                    "Try another seed, a smaller guidance scale or a larger final bandwidth.",
                )
            on_warning(f"Numbers were not finite from step {broke_at} on; the result is that of step {good.step}.")
            stopped_by = "not-finite"
            break
        if is_lost(climb):
            revive(climb, first)
            on_warning(f"Nothing was left to be seen at step {climb.step}; the shape starts anew.")
        on_step(climb.last)
        if converged:
            stopped_by = "converged"
            break
        if climb.step % every == 0 and climb.bad_in_a_row == 0:
            good = take_snapshot(climb)
            on_snapshot(good)
    if stopped_by != "not-finite" and is_mostly_broken(climb.skipped, climb.step):
        raise JobFailed(
            "not-finite",
            f"{climb.skipped} of {climb.step} steps were skipped: their numbers were not finite.",
            "Try another seed, a smaller guidance scale or a larger final bandwidth.",
        )
    if climb.skipped:
        on_warning(f"{climb.skipped} steps were skipped: their gradients were not finite.")
    on_snapshot(replace(take_snapshot(climb), ended=stopped_by))
    return Outcome(climb.step, climb.calls, climb.seconds(), stopped_by, climb.skipped)
