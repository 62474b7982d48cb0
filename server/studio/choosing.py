"""From a recipe to an estimator and to a denoiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from server.guidance.course import Course
from server.guidance.estimate import Estimator
from server.guidance.inversion import DistillationViaInversion
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.score_distillation import ScoreDistillation
from server.priors.branches import PerpendicularNegative
from server.priors.card import Leg, PriorCard
from server.priors.denoiser import Guided, Prior
from server.recipe import GuidanceRecipe, Recipe
from server.world.views import Views

_MEAN_SHIFT: dict[str, Callable[[GuidanceRecipe], Estimator]] = {
    # Random centres: image networks do not know what to do with a clean image at a high noise level, and starting two
    # bandwidths out is enough when the chain starts around x.
    "paper": lambda g: Paper(steps=g.sampler_steps, samples=g.samples, centre="random", interval=(0.1, 2.0)),
    "exact": lambda g: Exact(steps=g.sampler_steps, samples=g.samples),
    "tweedie": lambda g: Tweedie(),
    "noised": lambda g: Noised(samples=g.samples),
}

_METHODS: dict[str, Callable[[GuidanceRecipe], Estimator]] = {
    "sds": lambda g: ScoreDistillation(samples=g.samples),
    "sdi": lambda g: DistillationViaInversion(steps=g.sampler_steps),
}


# Optimiser steps that keep a picture at the pace of attached noise; with 5, a weave loses a seventh of its contrast.
FITS = 8


@dataclass(frozen=True)
class Settings:
    """What a recipe leaves open, decided by the prior's card.

    Attributes:
        estimator: of the target.
        scale: of guidance.
        course: noise and bandwidths from the first step to the last.
        fits: optimiser steps towards a target made with noise that stays; with fresh noise there is one.
    """

    estimator: Estimator
    scale: float
    course: Course
    fits: int


def settings_of(recipe: Recipe, card: PriorCard) -> Settings:
    """The recipe's own settings where it has them, those of the card for its kind where not. A recipe that names its
    noise or a bandwidth has a course of one leg."""
    guidance = recipe.guidance
    legs = card.picture if recipe.kind == "texture" else (Leg("fresh", card.bandwidth_start, card.bandwidth_end),)
    if guidance.noise or guidance.bandwidth_start or guidance.bandwidth_end:
        start = guidance.bandwidth_start or legs[0].bandwidth_start
        end = guidance.bandwidth_end or min(start, legs[-1].bandwidth_end)
        legs = (Leg(guidance.noise or legs[0].noise, max(start, end), end),)
    fits = guidance.fits or (FITS if recipe.kind == "texture" else 1)
    scale = card.guidance_scale if guidance.scale is None else guidance.scale
    estimator = choose_estimator(guidance, card.estimator)
    return Settings(estimator, scale, Course(legs, guidance.bandwidth_schedule, recipe.steps), fits)


def choose_estimator(guidance: GuidanceRecipe, usual: str) -> Estimator:
    """The estimator that a recipe's method, estimator, samples and sampler_steps name.

    Args:
        usual: estimator of the mean shift where the recipe leaves it to the prior.
    """
    if guidance.method == "msd":
        return _MEAN_SHIFT[guidance.estimator or usual](guidance)
    return _METHODS[guidance.method](guidance)


def guided(prior: Prior, recipe: Recipe, scale: float, views: Views | None) -> Guided:
    """The prior as a recipe asks for it.

    Args:
        scale: of guidance.
        views: from which the prompt is seen; None for a flat picture.
    """
    conditional = prior.condition(recipe.prompt, views)
    # What is to be avoided is so from everywhere: it may be seen by a camera, but takes no words for views.
    seen_from = views if prior.card.takes_camera else None
    if recipe.guidance.perpendicular_negative and recipe.negative_prompt.strip():
        nothing, negative = (prior.condition(text, seen_from) for text in ("", recipe.negative_prompt))
        return Guided(prior, conditional, nothing, scale, negative=negative, rule=PerpendicularNegative(scale))
    unconditional = None if scale == 1.0 else prior.condition(recipe.negative_prompt, seen_from)
    return Guided(prior, conditional, unconditional, scale)
