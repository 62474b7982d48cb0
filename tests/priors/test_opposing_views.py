"""Prompts of other views are kept out of each view, perpendicular to what is wanted (Perp-Neg)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from server.priors.branches import perpendicular
from server.priors.card import PriorCard
from server.priors.cards import usual_card
from server.priors.opposing_views import opposing_prompts, opposing_strengths
from server.recipe import Recipe, read_recipe
from server.studio.plan import plan_of
from server.studio.prompting import guided
from server.world.views import Views

# Where a text's pictures lie: standard normal around these, so that D(z) = (z + s^2 m) / (1 + s^2).
MEANS = {
    "": [0.0, 0.0, 0.0],
    "a duck": [1.0, 2.0, 0.0],
    "a duck, front view": [2.0, 1.0, 0.0],
    "a duck, side view": [0.0, 1.0, 2.0],
    "a swan": [-1.0, 1.0, 1.0],
}


class Gaussians:
    """A closed form for each text; the view of a prompt without one is not looked at."""

    card: PriorCard = usual_card("/models/photographs")

    def condition(self, prompt: str, views: Views | None = None) -> Tensor:
        return torch.tensor(MEANS[prompt])

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        s = sigma[:, None] ** 2
        return [(noisy + s * mean) / (1 + s) for mean in conditions]

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent


def recipe(kind: str = "mesh", prompt: str = "a duck", negative_prompt: str = "", **guidance: Any) -> Recipe:
    asked = {"kind": kind, "prompt": prompt, "negative_prompt": negative_prompt, "prior": "/models/photographs"}
    return read_recipe(asked | {"guidance": guidance})


def ask(asked: Recipe, views: Views | None) -> tuple[Tensor, int]:
    """D - D_u at sigma 1 and z = 0, one for each view, and the calls of one image."""
    prior = Gaussians()
    denoiser = guided(prior, asked, plan_of(asked, prior.card), views)
    batch = 1 if views is None else len(views)
    answer = denoiser(torch.zeros(batch, 3), torch.ones(batch))
    return answer - torch.tensor(MEANS[asked.negative_prompt]) / 2, denoiser.calls


def test_what_is_left_of_other_views_is_perpendicular_to_the_prompt() -> None:
    views = Views.orbit([0.0, 45.0, 90.0, 135.0, 180.0])
    found, calls = ask(recipe(scale=3.0), views)
    wanted = torch.tensor(MEANS["a duck"]) / 2
    along = found @ wanted / wanted.square().sum()
    torch.testing.assert_close(along, torch.full((5,), 3.0))
    assert calls == 4
    front, side = (
        perpendicular(torch.tensor([MEANS[f"a duck, {view} view"]]) / 2, wanted[None])[0] for view in ("front", "side")
    )
    strengths = opposing_strengths(views)
    torch.testing.assert_close(found, 3 * (wanted - strengths[:, :1] * front - strengths[:, 1:] * side))


def test_the_part_that_the_views_share_with_the_prompt_is_not_removed() -> None:
    to = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    of = torch.tensor([[2.0, 4.0, 5.0], [1.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    expected = torch.tensor([[0.0, 0.0, 5.0], [1.0, 1.0, 0.0], [1.0, 2.0, 3.0]])
    torch.testing.assert_close(perpendicular(of, to), expected)


def test_strengths_are_the_published_ones_and_continuous() -> None:
    quarter = opposing_strengths(Views.orbit([0.0, 90.0, 180.0, 270.0]))
    expected = torch.tensor([[0.0, 1.574], [1.574, 0.0], [1.967, 0.394], [1.574, 0.0]])
    torch.testing.assert_close(quarter, expected, atol=2e-3, rtol=0)
    around = opposing_strengths(Views.orbit([float(degrees) for degrees in range(360)]))
    assert (around >= 0).all()
    assert (around - around.roll(1, 0)).abs().max() < 0.05
    torch.testing.assert_close(around[1:], around.flip(0)[:-1], atol=1e-4, rtol=0)


def test_from_above_no_view_is_kept_out() -> None:
    assert not opposing_strengths(Views.orbit([0.0, 120.0], elevation_deg=80.0)).any()


def test_a_prompt_that_names_its_view_opposes_none() -> None:
    assert opposing_prompts("a duck seen from behind") == ()
    assert not plan_of(recipe(prompt="a duck, side view"), Gaussians.card).perp_neg


@pytest.mark.parametrize(
    ("asked", "on"),
    [
        (recipe(), True),
        (recipe(perp_neg=False), False),
        (recipe("texture"), False),
        (recipe(scale=1.0), False),
        (recipe("texture", perp_neg=True), False),
    ],
    ids=["default", "off", "texture", "no guidance", "texture, on"],
)
def test_it_is_on_for_objects_of_models_that_are_told_views_in_words(asked: Recipe, on: bool) -> None:
    views = None if asked.kind == "texture" else Views.orbit([120.0])
    assert plan_of(asked, Gaussians.card).perp_neg == on
    _, calls = ask(asked, views)
    assert calls == plan_of(asked, Gaussians.card).branches == (4 if on else 1 if asked.guidance.scale == 1.0 else 2)


def test_a_negative_prompt_is_where_the_direction_starts_or_is_spared_beside_the_views() -> None:
    views = Views.orbit([120.0])
    _, calls = ask(recipe(negative_prompt="a swan"), views)
    assert calls == 4
    spared = recipe(negative_prompt="a swan", perpendicular_negative=True)
    prior = Gaussians()
    plan = plan_of(spared, prior.card)
    denoiser = guided(prior, spared, plan, views)
    denoiser(torch.zeros(1, 3), torch.ones(1))
    assert denoiser.calls == plan.branches == 5
