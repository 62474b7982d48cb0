"""What every preset of a prior costs, before any recipe is written. Free of torch."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any, get_args

from server.guidance.plan import plan_of
from server.priors.card import PriorCard
from server.recipe import Preset, read_recipe


def preset_costs(card: PriorCard) -> dict[str, dict[str, dict[str, int]]]:
    """{"mesh": {"sketch": {"steps", "views_per_step", "denoiser_calls"}, ...}, ...} for what the prior makes; a texture
    is one of a single window's extent."""
    card = replace(card, name="", description="", licence="")  # alike for all models of a family
    return {
        kind: {preset: _cost(card, kind, preset) for preset in get_args(Preset)}
        for kind in ("mesh", "texture")
        if kind in card.makes
    }


@lru_cache(maxsize=256)
def _cost(card: PriorCard, kind: str, preset: str) -> dict[str, int]:
    effort = asdict(card.effort(kind, preset))
    asked: dict[str, Any] = {"kind": kind, "prompt": "anything", "preset": preset, **effort}
    return {**effort, "denoiser_calls": plan_of(read_recipe(asked), card).calls}
