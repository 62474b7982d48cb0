"""What a denoiser call took on this machine is told by the jobs that were done as a prior itself would."""

from __future__ import annotations

from typing import Any

from server.jobs.costs import preset_costs, seconds_per_call
from server.jobs.events import State
from server.jobs.store import Job
from server.priors.cards import built_in_cards
from server.recipe import read_recipe
from server.recipe_parts import TextureRecipe
from server.studio.look_steps import steps_of_look
from server.studio.plan import TONE_VIEWS, calls_of, plan_of


def job(kind: str, seconds: float, state: State = "done", **guidance: Any) -> Job:
    recipe = read_recipe({"kind": kind, "prompt": "a duck", "guidance": guidance}).model_dump(mode="json")
    report = {"seconds": seconds, "denoiser_calls": 200}
    return Job("x", state, recipe, report, None, None, [], 0.0, 0.0, 0.0, 0)


def test_the_newest_usual_job_of_each_kind_tells() -> None:
    jobs = [
        job("mesh", 9.0, state="failed"),
        job("mesh", 9.0, estimator="exact"),
        job("mesh", 20.0),
        job("mesh", 60.0),
        job("texture", 10.0),
    ]
    assert seconds_per_call(jobs) == {"embedded": {"mesh": 0.1, "texture": 0.05}}
    assert seconds_per_call([]) == {}


def test_presets_cost_what_their_recipes_come_to() -> None:
    for card in built_in_cards():
        for kind, presets in preset_costs(card).items():
            for preset, cost in presets.items():
                recipe = read_recipe({"kind": kind, "prompt": "a duck", "prior": card.name, "preset": preset})
                assert cost["denoiser_calls"] == calls_of(recipe, card)
                assert cost["look_calls"] == plan_of(recipe, card).calls_until(steps_of_look(recipe, card))
                assert (cost["steps"], cost["views_per_step"]) == (recipe.steps, recipe.views_per_step)
                large = recipe.model_copy(
                    update={"texture": TextureRecipe(width=card.detail_from, height=card.detail_from)}
                )
                assert cost["denoiser_calls"] + cost["detail_calls"] == calls_of(large, card)
                assert (cost["detail_calls"] > 0) == (kind == "texture")


def test_a_look_at_an_object_asks_for_a_third_of_a_sketch_whatever_the_quality() -> None:
    (card,) = (card for card in built_in_cards() if card.name == "embedded")
    costs = preset_costs(card)["mesh"]
    for preset in ("standard", "fine"):
        run = costs[preset]["denoiser_calls"] - TONE_VIEWS
        steps = costs[preset]["look_calls"] / run * costs[preset]["steps"]
        assert round(steps) == round(0.35 * costs["sketch"]["steps"])
    assert costs["sketch"]["look_calls"] < 0.36 * costs["sketch"]["denoiser_calls"]
