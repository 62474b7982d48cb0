"""Words for views: how much "front", "side", "back" and "overhead" count from where."""

from __future__ import annotations

import pytest
import torch

from server.priors.pretrained.view_prompts import names_a_view, view_prompts, view_weights
from server.world.views import Views


@pytest.mark.parametrize(
    ("azimuth", "elevation", "weights"),
    [
        (0, 0, (1, 0, 0, 0)),
        (45, 0, (0.5, 0.5, 0, 0)),
        (90, 0, (0, 1, 0, 0)),
        (-90, 0, (0, 1, 0, 0)),
        (270, 0, (0, 1, 0, 0)),
        (180, 0, (0, 0, 1, 0)),
        (-135, 20, (0, 0.5, 0.5, 0)),
        (720 + 45, -10, (0.5, 0.5, 0, 0)),
        (90, 60, (0, 0.5, 0, 0.5)),
        (180, 85, (0, 0, 0, 1)),
    ],
)
def test_texts_are_mixed_by_azimuth_and_elevation(azimuth: float, elevation: float, weights: tuple[float, ...]) -> None:
    found = view_weights(Views.orbit([azimuth], elevation))
    torch.testing.assert_close(found, torch.tensor([weights]).float(), atol=1e-5, rtol=0)


def test_weights_sum_to_one_and_change_without_jumps_all_around() -> None:
    around = view_weights(Views.orbit([float(degrees) for degrees in range(-360, 361)], 55.0))
    torch.testing.assert_close(around.sum(1), torch.ones(721))
    assert around.min() >= 0
    assert around.diff(dim=0).abs().max() < 0.02


def test_each_view_gets_its_words() -> None:
    assert view_prompts("a duck.") == (
        "a duck, front view",
        "a duck, side view",
        "a duck, back view",
        "a duck, overhead view",
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "front view of a duck",
        "a duck, Back View",
        "a castle seen from above",
        "overhead shot of a desk",
        "a car viewed from the side",
        "a bird's-eye view of a city",
        "a head from behind",
    ],
)
def test_a_prompt_that_names_its_view_is_recognised(prompt: str) -> None:
    assert names_a_view(prompt)


@pytest.mark.parametrize(
    "prompt",
    ["a duck", "a house with a front door", "a review of toys", "a backpack", "a side table", "made from wood"],
)
def test_a_prompt_that_names_none_is_not(prompt: str) -> None:
    assert not names_a_view(prompt)
