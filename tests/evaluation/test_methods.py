"""A budget of denoiser calls is what a run reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.evaluation.methods import METHODS, guidance_of, within_budget
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.priors.embedded.card import EMBEDDED_CARD
from server.recipe import Recipe, read_recipe
from server.studio.plan import plan_of
from server.studio.production import produce

CALLS = 60
SHAPES = [(32, 32), (64, 32), (32, 96), (50, 32), (48, 32)]


def recipe(width: int = 32, height: int = 32, **guidance: Any) -> Recipe:
    return read_recipe(
        {
            "kind": "texture",
            "prompt": "red bricks",
            "negative_prompt": "blue dots",
            "render_size": 16,
            "views_per_step": 2,
            "texture": {"width": width, "height": height},
            "guidance": {"sampler_steps": 3, "stop_threshold": 0.0, "fits": 1, **guidance},
        }
    )


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("embedded")


def spent(prior: Prior, asked: Recipe, calls: int, folder: Path) -> tuple[int, int]:
    """Denoiser calls of a run within `calls`, and those of one of its steps."""
    within = within_budget(asked, prior.card, calls)
    report = produce(within, prior, folder, lambda event: None, lambda: None, most_starts=1)
    assert report["steps"] == within.steps
    return report["denoiser_calls"], report["denoiser_calls"] // within.steps


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_a_budget_counts_every_window_of_a_tile(prior: Prior, width: int, height: int, tmp_path: Path) -> None:
    calls, a_step = spent(prior, recipe(width, height), CALLS, tmp_path)
    assert CALLS - a_step < calls <= CALLS


@pytest.mark.parametrize("changes", [{}, {"scale": 1.0}, {"perpendicular_negative": True}], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_a_budget_counts_every_branch_of_every_method(
    prior: Prior, method: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    asked = recipe(**guidance_of(method), **changes)
    calls, _ = spent(prior, asked, CALLS, tmp_path)
    within = within_budget(asked, EMBEDDED_CARD, CALLS)
    assert calls == plan_of(within, EMBEDDED_CARD).calls <= CALLS
    one_more = within.model_copy(update={"steps": within.steps + 1})
    assert plan_of(one_more, EMBEDDED_CARD).calls > CALLS
