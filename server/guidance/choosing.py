"""From a recipe to an estimator."""

from __future__ import annotations

from collections.abc import Callable

from server.guidance.estimate import Estimator
from server.guidance.inversion import DistillationViaInversion
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.score_distillation import ScoreDistillation
from server.recipe import GuidanceRecipe

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


def choose_estimator(guidance: GuidanceRecipe, usual: str) -> Estimator:
    """The estimator that a recipe's method, estimator, samples and sampler_steps name.

    Args:
        usual: estimator of the mean shift where the recipe leaves it to the prior.
    """
    if guidance.method == "msd":
        return _MEAN_SHIFT[guidance.estimator or usual](guidance)
    return _METHODS[guidance.method](guidance)
