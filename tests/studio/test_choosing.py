"""From a recipe to an estimator."""

from server.guidance.inversion import DistillationViaInversion
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.score_distillation import ScoreDistillation
from server.recipe import GuidanceRecipe
from server.studio.choosing import choose_estimator


def test_every_method_and_estimator_of_the_recipe_has_its_class() -> None:
    chosen = {
        name: choose_estimator(GuidanceRecipe(estimator=name), "tweedie")
        for name in ("paper", "exact", "tweedie", "noised")
    }
    assert [type(e) for e in chosen.values()] == [Paper, Exact, Tweedie, Noised]
    assert isinstance(choose_estimator(GuidanceRecipe(method="sds"), "tweedie"), ScoreDistillation)
    assert isinstance(choose_estimator(GuidanceRecipe(method="sdi"), "tweedie"), DistillationViaInversion)


def test_samples_and_steps_are_those_of_the_recipe() -> None:
    recipe = GuidanceRecipe(estimator="paper", samples=3, sampler_steps=7)
    chosen = choose_estimator(recipe, "tweedie")
    assert isinstance(chosen, Paper)
    assert (chosen.samples, chosen.steps) == (3, 7)


def test_an_estimator_left_out_is_the_priors_own() -> None:
    assert isinstance(choose_estimator(GuidanceRecipe(), "noised"), Noised)
    assert isinstance(choose_estimator(GuidanceRecipe(estimator="paper"), "noised"), Paper)
