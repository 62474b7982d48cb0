"""From a recipe and a card to an estimator."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from server.guidance.inversion import DistillationViaInversion, Flow, Timesteps
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.noise import Fresh
from server.guidance.score_distillation import ScoreDistillation
from server.priors.card import PriorCard
from server.priors.cards import usual_card
from server.priors.embedded.card import EMBEDDED_CARD
from server.recipe import Recipe, read_recipe
from server.studio.choosing import estimator_of
from server.studio.plan import Plan, plan_of, without_effect

PHOTOGRAPHS = usual_card("/models/photographs")


def recipe(kind: str = "mesh", prior: str = "embedded", **guidance: Any) -> Recipe:
    return read_recipe({"kind": kind, "prompt": "a duck", "prior": prior, "guidance": guidance})


def plan(card: PriorCard = EMBEDDED_CARD, **guidance: Any) -> Plan:
    return plan_of(recipe(prior=card.name, **guidance), card)


@pytest.mark.parametrize(
    ("guidance", "kind"),
    [
        ({"estimator": "paper"}, Paper),
        ({"estimator": "exact"}, Exact),
        ({"estimator": "tweedie"}, Tweedie),
        ({"estimator": "noised"}, Noised),
        ({"method": "sds"}, ScoreDistillation),
        ({"method": "sdi"}, DistillationViaInversion),
        ({"method": "flow"}, Flow),
    ],
)
def test_every_method_and_estimator_of_the_recipe_has_its_class(guidance: dict[str, str], kind: type) -> None:
    assert isinstance(estimator_of(plan(**guidance)), kind)


def test_an_estimator_left_out_is_the_priors_own() -> None:
    assert isinstance(estimator_of(plan()), Noised)
    assert isinstance(estimator_of(plan(PHOTOGRAPHS)), Noised)
    assert isinstance(estimator_of(plan_of(recipe("texture", PHOTOGRAPHS.name), PHOTOGRAPHS)), Paper)


def test_everything_that_the_papers_estimator_takes_is_the_recipes() -> None:
    asked = {
        "estimator": "paper",
        "samples": 3,
        "sampler_steps": 7,
        "centre": "inversion",
        "kernel_time": "sigma",
        "interval_low": 0.2,
        "interval_high": 4.0,
        "inversion_scale": 1.0,
    }
    chosen = estimator_of(plan(**asked))
    assert chosen == Paper(7, 3, "sigma", "inversion", interval=(0.2, 4.0), inversion_scale=1.0)


def test_what_is_left_out_of_the_papers_estimator_is_the_cards() -> None:
    assert estimator_of(plan(estimator="paper")) == Paper(centre="random", interval=(0.1, 2.0))
    own = estimator_of(plan(PHOTOGRAPHS, estimator="paper"))
    assert own == Paper(centre="inversion", interval=PHOTOGRAPHS.interval)


@pytest.mark.parametrize(
    ("asked", "interval"),
    [
        ({"interval_low": 0.5}, (0.5, 2.0)),
        ({"interval_low": 3.0}, (3.0, 6.0)),
        ({"interval_low": 0.0}, (0.0, 2.0)),
        ({"interval_high": 8.0}, (0.1, 8.0)),
        ({"interval_high": 0.1}, (0.05, 0.1)),
    ],
    ids=str,
)
def test_one_end_of_the_interval_moves_the_other_out_of_its_way(
    asked: dict[str, float], interval: tuple[float, float]
) -> None:
    assert plan(estimator="paper", **asked).interval == pytest.approx(interval)


def test_inversions_run_at_the_recipes_scale_and_steps_or_as_published() -> None:
    assert estimator_of(plan(method="sdi")) == DistillationViaInversion(Timesteps(10), -6.5)
    own = estimator_of(plan(method="sdi", inversion_scale=0.0, sampler_steps=20))
    assert own == DistillationViaInversion(Timesteps(20), 0.0)
    assert estimator_of(plan(method="flow", inversion_scale=1.0)) == Flow(inversion_scale=1.0)


def test_an_inversion_scale_of_nothing_is_a_wish_like_any_other() -> None:
    assert plan(method="sdi", inversion_scale=0.0).inversion_scale == 0.0


RULES = [{"method": name} for name in ("sds", "sdi", "flow")]
RULES += [{"estimator": name} for name in ("noised", "exact", "tweedie", "paper")]


@pytest.mark.parametrize("wish", [{"bandwidth_start": 1.0, "bandwidth_end": 0.2}, {"samples": 2}], ids=str)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_what_a_rule_does_not_listen_to_is_named_and_nothing_else(rule: dict[str, str], wish: dict[str, Any]) -> None:
    def target(asked: Recipe) -> torch.Tensor:
        planned = plan_of(asked, EMBEDDED_CARD)
        noise = Fresh(torch.Generator().manual_seed(0))
        x = torch.linspace(-1, 1, 8).reshape(1, 2, 2, 2)
        bandwidth = planned.course.at(0).bandwidth
        # Of data that are normal with variance 1 / 4: no answer is x itself.
        return estimator_of(planned)(
            lambda z, sigma: z / (1 + 4 * sigma.view(-1, 1, 1, 1) ** 2), x, bandwidth, noise
        ).target

    asked = recipe(**rule, **wish)
    unheard = without_effect(asked, plan_of(asked, EMBEDDED_CARD))
    same = torch.equal(target(recipe(**rule)), target(asked))
    assert unheard == (list(wish) if same else [])


def test_wishes_that_are_about_another_rule_are_named() -> None:
    asked = recipe(estimator="noised", centre="random", kernel_time="sigma", interval_low=0.2, sampler_steps=4)
    named = without_effect(asked, plan_of(asked, EMBEDDED_CARD))
    assert named == ["centre", "kernel_time", "interval_low", "sampler_steps"]
    assert without_effect(recipe(), plan()) == []
