"""What is compared: the ways to distil, by one word each, and runs of the same number of denoiser calls."""

from __future__ import annotations

from bisect import bisect_right
from typing import get_args

from server.errors import BadRequest
from server.priors.card import PriorCard
from server.recipe import CentreName, EstimatorName, Method, Recipe
from server.studio.plan import calls_of

# An estimator's name stands for the mean shift with that estimator, "msd" for the one that the prior's card names.
METHODS: dict[str, dict[str, str]] = {
    **{name: {"method": name} for name in get_args(Method)},
    **{name: {"method": "msd", "estimator": name} for name in get_args(EstimatorName)},
    **{f"paper-{name}": {"method": "msd", "estimator": "paper", "centre": name} for name in get_args(CentreName)},
}
# More than anybody waits for.
MOST_STEPS = 100_000


def guidance_of(method: str) -> dict[str, str]:
    """The fields of a recipe's guidance that a key of METHODS stands for.

    Raises:
        BadRequest: code "method-unknown".
    """
    if method not in METHODS:
        raise BadRequest("method-unknown", f"There is no method {method!r}.", f"Known: {', '.join(METHODS)}.")
    return METHODS[method]


def within_budget(recipe: Recipe, card: PriorCard, calls: int) -> Recipe:
    """The recipe with as many steps as `calls` denoiser calls allow, at least one.

    Calls count once for every image and every branch of guidance, as in reports.
    """

    def comes_to(steps: int) -> int:
        return calls_of(recipe.model_copy(update={"steps": steps}), card)

    most = min(calls, MOST_STEPS)  # every step takes at least one
    steps = bisect_right(range(1, most + 1), calls, key=comes_to)
    return recipe.model_copy(update={"steps": max(1, steps)})
