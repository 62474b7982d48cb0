"""The prior as a plan asks for it: which texts it is asked about, and by which rule its answers become one."""

from __future__ import annotations

import torch

from server.priors.branches import PerpendicularNegatives
from server.priors.denoiser import Guided, Prior
from server.priors.opposing_views import opposing_prompts, opposing_strengths
from server.recipe import Recipe
from server.studio.plan import Plan
from server.world.views import Views


def guided(prior: Prior, recipe: Recipe, plan: Plan, views: Views | None) -> Guided:
    """The prior under the guidance of a recipe and its plan.

    Args:
        views: from which the prompt is seen; None for a flat picture.
    """
    conditional = prior.condition(recipe.prompt, views)
    # What is to be avoided is so from everywhere: it may be seen by a camera, but takes no words for views.
    seen_from = views if prior.card.takes_camera else None
    avoided, strengths = [], []
    if plan.spare_prompt:
        avoided.append(prior.condition(recipe.negative_prompt, seen_from))
        strengths.append(torch.ones(1 if views is None else len(views), 1))
    if plan.perp_neg and views is not None:
        avoided += [prior.condition(prompt) for prompt in opposing_prompts(recipe.prompt)]
        strengths.append(opposing_strengths(views).cpu())
    if not avoided:
        unconditional = None if plan.scale == 1.0 else prior.condition(recipe.negative_prompt, seen_from)
        return Guided(prior, conditional, unconditional, plan.scale)
    nothing = prior.condition("" if plan.spare_prompt else recipe.negative_prompt, seen_from)
    rule = PerpendicularNegatives(plan.scale, torch.cat(strengths, 1))
    return Guided(prior, conditional, nothing, plan.scale, negatives=avoided, rule=rule)
