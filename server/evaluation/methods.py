"""What is compared: the ways to distil, by one word each, and runs of the same number of denoiser calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor

from server.errors import BadRequest
from server.generators.picture import extent_of, windows_in
from server.guidance.noise import Fresh
from server.priors.card import PriorCard
from server.recipe import EstimatorName, Recipe
from server.studio.choosing import guided, settings_of
from server.world.views import Views

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
    images = recipe.views_per_step
    if recipe.kind == "texture":
        images *= windows_in(extent_of(recipe.texture.width, recipe.texture.height))
    return recipe.model_copy(update={"steps": max(1, calls // (_calls_per_image(recipe, card) * images))})


def _calls_per_image(recipe: Recipe, card: PriorCard) -> int:
    """Asks a network that knows nothing, and counts."""
    settings = settings_of(recipe, card)
    denoiser = guided(_Mute(card), recipe, settings.scale, None)
    settings.estimator(denoiser, torch.zeros(1, 1, 1, 1), 1.0, Fresh(torch.Generator().manual_seed(0)))
    return denoiser.calls


@dataclass
class _Mute:
    """A prior in whose pictures there is nothing."""

    card: PriorCard

    def condition(self, prompt: str, views: Views | None = None) -> str:
        return prompt

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        return [torch.zeros_like(noisy) for _ in conditions]

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent
