"""`--dry-run`: what a recipe comes to, said before anything is loaded."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from server.priors.catalogue import read_card
from server.recipe import Recipe
from server.studio.plan import calls_of, detail_of, plan_of, render_size_of, tone_calls, without_effect


def describe_run(recipe: Recipe, device: str) -> dict[str, Any]:
    """Every setting of the recipe, with what it leaves open decided by its prior's card.

    Raises:
        BadRequest: as `read_card`.
    """
    card = read_card(recipe.prior)
    picture = {"learning_rate": card.picture_learning_rate}
    field = {"learning_rate": card.learning_rate, "regularisers": asdict(card.regularisers)}
    plan, detail, tone = plan_of(recipe, card), detail_of(recipe, card), tone_calls(recipe, card)
    ignored = without_effect(recipe, plan)
    return {
        "kind": recipe.kind,
        "prompt": recipe.prompt,
        "seed": recipe.seed,
        "prior": recipe.prior,
        "preset": recipe.preset,
        **plan.as_json(),
        **({"without_effect": ignored} if ignored else {}),
        "denoiser_calls": calls_of(recipe, card),
        **({} if detail is None else {"detail": detail.as_json()}),
        **({"tone_calls": tone} if tone else {}),
        "render_size": render_size_of(recipe, card, device),
        **(field if recipe.shown == "mesh" else picture),
    }
