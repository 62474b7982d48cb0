"""What is compared: the ways to distil, by one word each, and runs of the same number of denoiser calls."""

from __future__ import annotations

from typing import get_args

import torch

from server.errors import BadRequest
from server.guidance.choosing import settings_of
from server.guidance.noise import Fresh
from server.priors.card import PriorCard
from server.recipe import EstimatorName, Recipe

# An estimator's name stands for the mean shift with that estimator, "msd" for the one that the prior's card names.
METHODS: dict[str, dict[str, str]] = {
    "msd": {"method": "msd"},
    "sds": {"method": "sds"},
    "sdi": {"method": "sdi"},
    **{name: {"method": "msd", "estimator": name} for name in get_args(EstimatorName)},
}


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
    settings = settings_of(recipe, card)
    dot = torch.zeros(1, 1, 1, 1)
    noise = Fresh(torch.Generator().manual_seed(0))
    answer = settings.estimator(lambda noisy, sigma: torch.zeros_like(noisy), dot, 1.0, noise)
    each = answer.denoiser_calls * (1 if settings.scale == 1 else 2) * recipe.views_per_step
    return recipe.model_copy(update={"steps": max(1, calls // each)})
