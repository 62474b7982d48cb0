"""What presets cost: denoiser calls by the prior's card, and seconds a call by the jobs that were done here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any, get_args

from server.jobs.job import Job
from server.priors.card import PriorCard
from server.recipe import GuidanceRecipe, Kind, Preset, read_recipe, shown_as
from server.studio.look_steps import steps_of_look
from server.studio.plan import calls_of, detail_of, plan_of

# So many jobs are looked at, newest first.
MOST_JOBS = 200
_USUAL: dict[str, Any] = GuidanceRecipe().model_dump(mode="json")


def seconds_per_call(jobs: Iterable[Job]) -> dict[str, dict[str, float]]:
    """{prior: {kind: seconds}} of the newest job of each that was done with the prior's own guidance: another rule
    spends its time elsewhere.

    Args:
        jobs: newest first.
    """
    found: dict[str, dict[str, float]] = {}
    for job in jobs:
        # The seconds of a run that went on are those of its rest; of one that was not run, those of another.
        at_once = job.state == "done" and job.task == "make" and job.attempts <= 1 and not job.reused
        if not at_once or not job.report or job.recipe.get("guidance") != _USUAL:
            continue
        seconds, calls = job.report.get("seconds"), job.report.get("denoiser_calls")
        if seconds and calls:
            found.setdefault(job.recipe["prior"], {}).setdefault(job.recipe["kind"], seconds / calls)
    return found


def preset_costs(card: PriorCard) -> dict[str, dict[str, dict[str, int]]]:
    """{"mesh": {"sketch": {"steps", "views_per_step", "denoiser_calls", "look_calls", "detail_calls"}, ...}, ...} for
    what the prior makes; a texture is one of a single window's extent. "detail_calls" come to those of a large one."""
    card = replace(card, name="", description="", licence="")  # alike for all models of a family
    return {
        kind: {preset: _cost(card, kind, preset) for preset in get_args(Preset)}
        for kind in get_args(Kind)
        if shown_as(kind) in card.makes
    }


@lru_cache(maxsize=256)
def _cost(card: PriorCard, kind: str, preset: str) -> dict[str, int]:
    effort = asdict(card.effort(kind, preset))
    asked: dict[str, Any] = {"kind": kind, "prompt": "anything", "preset": preset, **effort}
    recipe = read_recipe(asked)
    look = plan_of(recipe, card).calls_until(steps_of_look(recipe, card))
    large = detail_of(read_recipe(asked | {"texture": {"width": card.detail_from, "height": card.detail_from}}), card)
    detail = 0 if large is None else large.calls
    return {**effort, "denoiser_calls": calls_of(recipe, card), "look_calls": look, "detail_calls": detail}
