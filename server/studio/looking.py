"""A quick look: a run that leaves by itself once one can tell what it will be, and goes on when somebody wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from server.priors.card import PriorCard
from server.recipe import Recipe
from server.studio.climb import Step, StopRequest
from server.studio.plan import plan_of

# Of a sketch's steps, whatever the quality: how far an object has formed depends on how often it was looked at, not on
# the share of its run. Of all three qualities a duck has its bill after 90 steps, and a mug its handle.
SHARE = 0.35
# Of a picture's own steps, where its noise is fresh. Along a path nothing is to be seen before the first leg has ended.
SHARE_OF_PICTURE = 0.4


class Looked(Exception):
    """The look is there, and what the run has reached is kept."""


def steps_of_look(recipe: Recipe, card: PriorCard) -> int:
    """Steps that a look takes."""
    if recipe.kind == "texture":
        first, *more = plan_of(recipe, card).course.legs
        is_climb = not more and first.noise == "fresh"
        return max(1, round((SHARE_OF_PICTURE if is_climb else first.share) * recipe.steps))
    return max(1, round(SHARE * card.effort(recipe.kind, "sketch").steps))


class Look:
    """Ends a run after so many steps: has it kept, then leaves. One that is as short as that runs to its end.

    Args:
        steps: see `steps_of_look`.
        begun: steps that were made before.
        tell, ask: what is told of every step, and asked before it, without a look.
    """

    def __init__(self, steps: int, begun: int, tell: Callable[[Step], None], ask: StopRequest) -> None:
        self._steps = steps
        self._tell = tell
        self._ask = ask
        self._is_there, self._is_kept = begun >= steps, False

    def on_step(self, step: Step) -> None:
        self._is_there = step.number >= self._steps
        self._tell(step)

    def should_stop(self) -> Literal["finish", "keep"] | None:
        """Raises Looked, and what `ask` raises."""
        wish = self._ask()
        if wish is not None or not self._is_there:
            return wish
        if self._is_kept:
            raise Looked
        self._is_kept = True
        return "keep"
