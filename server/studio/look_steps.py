"""How long a quick look is. Free of torch, so that it can be said before anything is loaded."""

from __future__ import annotations

from server.priors.card import PriorCard
from server.recipe import Recipe
from server.studio.plan import plan_of

# Of a sketch's steps, whatever the quality: how far an object has formed depends on how often it was looked at, not on
# the share of its run. Of all three qualities a duck has its bill after 90 steps, and a mug its handle.
SHARE = 0.35
# Of a picture's own steps, where its noise is fresh. Along a path nothing is to be seen before the first leg has ended.
SHARE_OF_PICTURE = 0.4


def steps_of_look(recipe: Recipe, card: PriorCard) -> int:
    """Steps that a look takes."""
    if recipe.kind == "texture":
        first, *more = plan_of(recipe, card).course.legs
        is_climb = not more and first.noise == "fresh"
        return max(1, round((SHARE_OF_PICTURE if is_climb else first.share) * recipe.steps))
    return max(1, round(SHARE * card.effort(recipe.kind, "sketch").steps))
