"""What a run will do: every setting of a recipe, with what it leaves open decided by the prior's card, and the denoiser
calls that it comes to. Free of torch, so that all of it can be said before anything is loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from server.generators.radiance_field.resolution import SMALL
from server.guidance.course import Course
from server.guidance.levels import interval_levels, rising_levels, timesteps_below
from server.priors.card import Leg, PriorCard
from server.priors.pretrained.view_prompts import names_a_view
from server.recipe import Recipe
from server.world.tiles import extent_of, windows_in

# Optimiser steps that keep a picture at the pace of attached noise; with 5, a weave loses a seventh of its contrast.
FITS = 8
# The second pass over a large tile: through windows so many times as narrow, in a share of the first one's steps. Their
# bandwidth is as if a picture were made anew by DETAIL_REIMAGINED (recipe_parts.SourceRecipe): what is there stays. It
# is not guided: a window within a brick knows no bricks, and guidance draws some.
DETAIL_ZOOM, DETAIL_STEPS, DETAIL_REIMAGINED, DETAIL_SCALE = 2, 0.5, 0.1, 1.0
# Views of an object that say how guidance has changed its colours (toning.py), at a denoiser call each.
TONE_VIEWS = 24
# As published: of score distillation via inversion.
SDI_STEPS, SDI_SCALE = 10, -6.5


@dataclass(frozen=True)
class Plan:
    """A recipe without gaps.

    Attributes:
        method: "msd", "sds", "sdi" or "flow".
        estimator: of the mean shift; None for other methods.
        centre, kernel_time, interval: of the estimator "paper"; None for others.
        inversion_scale: guidance scale of the inversion; None where nothing is inverted.
        sampler_steps: noise levels; None where there is no sampler.
        samples: targets averaged in a step.
        scale: of guidance.
        spare_prompt: whether only that part of the negative prompt is avoided that the prompt does not share.
        perp_neg: whether the prompts of other views are kept out of each view.
        course: noise and bandwidths from the first step to the last.
        fits: optimiser steps towards a target made with noise that stays.
        steps: of the run.
        images: looked at in every step.
    """

    method: str
    estimator: str | None
    centre: str | None
    kernel_time: str | None
    interval: tuple[float, float] | None
    inversion_scale: float | None
    sampler_steps: int | None
    samples: int
    scale: float
    spare_prompt: bool
    perp_neg: bool
    course: Course
    fits: int
    steps: int
    images: int

    @property
    def branches(self) -> int:
        """Evaluations of the network for one guided answer."""
        if self.spare_prompt or self.perp_neg:
            return 2 + self.spare_prompt + 2 * self.perp_neg
        return 1 if self.scale in (0.0, 1.0) else 2

    @cached_property
    def calls(self) -> int:
        """Evaluations of the network in the whole run, if nothing ends it early; every image and branch counts."""
        return self.calls_until(self.steps)

    def calls_until(self, step: int) -> int:
        """The same of the steps before this one."""
        bandwidths = Counter(self.course.at(each).bandwidth for each in range(min(step, self.steps)))
        return self.images * sum(count * self.calls_at(bandwidth) for bandwidth, count in bandwidths.items())

    def calls_at(self, bandwidth: float) -> int:
        """Evaluations for one image in a step with this bandwidth."""
        steps = self.sampler_steps or 0
        match self.method, self.estimator:
            case "sdi", _:
                guided, inverting = 1, len(timesteps_below(bandwidth, steps))
            case "flow", _:
                guided, inverting = steps, steps - 1
            case "msd", "exact":
                guided, inverting = 1 + self.samples * steps, 0
            case "msd", "paper":
                guided, inverting = self.samples * steps, 0
                if self.centre == "inversion" and self.interval:
                    inverting = len(rising_levels(interval_levels(bandwidth, steps, self.interval))) - 1
            case "msd", "tweedie":
                guided, inverting = 1, 0
            case _:
                guided, inverting = self.samples, 0
        return guided * self.branches + inverting * self._branches_of_inversion

    @property
    def _branches_of_inversion(self) -> int:
        # A model that is not guided has no unconditional answer to invert with.
        without = not (self.spare_prompt or self.perp_neg) and self.scale == 1.0
        return 1 if without or self.inversion_scale in (0.0, 1.0) else 2

    def as_json(self) -> dict[str, Any]:
        """For people and programs to read; bandwidths and noises leg by leg."""
        legs = [asdict(leg) for leg in self.course.legs]
        own = {name: value for name, value in vars(self).items() if name not in ("course", "calls", "scale")}
        schedule = {"noise": self.course.noise, "bandwidth_schedule": self.course.schedule, "bandwidths": legs}
        return {
            **own,
            "guidance_scale": self.scale,
            **schedule,
            "calls_a_step": self._range(),
            "denoiser_calls": self.calls,
        }

    def _range(self) -> list[int]:
        """Fewest and most calls of a step."""
        found = [self.images * self.calls_at(self.course.at(step).bandwidth) for step in (0, self.steps - 1)]
        return [min(found), max(found)]


def plan_of(recipe: Recipe, card: PriorCard) -> Plan:
    """The recipe's own settings where it has them, those of the card for its kind where not. A recipe that names its
    noise or a bandwidth has a course of one leg."""
    guidance = recipe.guidance
    own = card.picture_estimator if recipe.shown == "texture" else card.estimator
    estimator = (guidance.estimator or own) if guidance.method == "msd" else None
    paper, sdi = estimator == "paper", guidance.method == "sdi"
    centre = (guidance.centre or card.centre) if paper else None
    samples_levels = paper or estimator == "exact" or guidance.method in ("sdi", "flow")
    inverts = centre == "inversion" or guidance.method in ("sdi", "flow")
    scale = card.guidance_scale if guidance.scale is None else guidance.scale
    own_steps, own_scale = (SDI_STEPS, SDI_SCALE) if sdi else (card.sampler_steps, card.inversion_scale)
    schedule = guidance.bandwidth_schedule or card.bandwidth_schedule
    return Plan(
        method=guidance.method,
        estimator=estimator,
        centre=centre,
        kernel_time=(guidance.kernel_time or card.kernel_time) if paper else None,
        interval=_interval(recipe, card) if paper else None,
        inversion_scale=_first(guidance.inversion_scale, own_scale) if inverts else None,
        sampler_steps=(guidance.sampler_steps or own_steps) if samples_levels else None,
        samples=guidance.samples,
        scale=scale,
        spare_prompt=guidance.perpendicular_negative and bool(recipe.negative_prompt.strip()),
        perp_neg=_opposes_views(recipe, card, scale),
        course=Course(_legs(recipe, card), schedule, recipe.steps),
        fits=guidance.fits or (FITS if recipe.shown == "texture" else 1),
        steps=recipe.steps,
        images=images_of(recipe),
    )


def detail_of(recipe: Recipe, card: PriorCard) -> Plan | None:
    """The second pass, which gives a large tile the detail that its windows were too wide for. None for objects, for
    tiles that are small, and for those that begin as a picture, whose own detail they keep."""
    texture = recipe.texture
    if recipe.kind != "texture" or texture.source.image or min(texture.width, texture.height) < card.detail_from:
        return None
    plan, steps = plan_of(recipe, card), detail_steps(recipe.steps)
    course = Course(_from_within(plan.course.legs, DETAIL_REIMAGINED), plan.course.schedule, steps)
    return replace(plan, course=course, steps=steps, images=plan.images * DETAIL_ZOOM**2, scale=DETAIL_SCALE)


def detail_steps(steps: int) -> int:
    """Of the second pass, behind so many of the first."""
    return max(1, round(DETAIL_STEPS * steps))


def calls_of(recipe: Recipe, card: PriorCard) -> int:
    """Evaluations of the network in all passes, as `Plan.calls`."""
    detail = detail_of(recipe, card)
    return plan_of(recipe, card).calls + (0 if detail is None else detail.calls) + tone_calls(recipe, card)


def tone_calls(recipe: Recipe, card: PriorCard) -> int:
    """Evaluations behind the run, for an object's colours; 0 where these are left as they are."""
    guided = plan_of(recipe, card).scale != 1.0
    return TONE_VIEWS if recipe.shown == "mesh" and guided and card.tone_bandwidth else 0


# Wishes that only some rules listen to, by the field of the plan that says what became of them.
_OF_SOME = {
    "centre": "centre",
    "kernel_time": "kernel_time",
    "interval_low": "interval",
    "interval_high": "interval",
    "inversion_scale": "inversion_scale",
    "sampler_steps": "sampler_steps",
    "estimator": "estimator",
}
# Their noise levels are their own, whatever the bandwidth.
_WITHOUT_BANDWIDTH = ("sds", "flow")
_BANDWIDTHS = ("bandwidth_start", "bandwidth_end", "bandwidth_schedule")
# They make one target a step.
_WITHOUT_SAMPLES = ("tweedie", "sdi", "flow")


def without_effect(recipe: Recipe, plan: Plan) -> list[str]:
    """Fields of the recipe's guidance that were named and that its rule does not listen to."""
    asked = recipe.guidance
    ignored = [
        name for name, found in _OF_SOME.items() if None is not getattr(asked, name) and None is getattr(plan, found)
    ]
    if plan.method in _WITHOUT_BANDWIDTH:
        ignored += [name for name in _BANDWIDTHS if getattr(asked, name) is not None]
    if asked.samples > 1 and (plan.estimator or plan.method) in _WITHOUT_SAMPLES:
        ignored.append("samples")
    if asked.perp_neg and not plan.perp_neg:
        ignored.append("perp_neg")
    return ignored


def images_of(recipe: Recipe) -> int:
    """Images that are looked at in every step: views of an object, or windows onto a tile."""
    if recipe.shown == "mesh":
        return recipe.views_per_step
    return recipe.views_per_step * windows_in(extent_of(recipe.texture.width, recipe.texture.height))


def render_size_of(recipe: Recipe, card: PriorCard, device: str) -> int:
    """Pixels per side of the last renderings of an object, or of every window onto a picture."""
    # A processor would spend minutes a step on an object's last pixels.
    most = SMALL if recipe.shown == "mesh" and device == "cpu" else card.render_size
    return recipe.render_size or min(card.image_size, most)


def _legs(recipe: Recipe, card: PriorCard) -> tuple[Leg, ...]:
    guidance = recipe.guidance
    legs = card.picture if recipe.shown == "texture" else (Leg("fresh", card.bandwidth_start, card.bandwidth_end),)
    if guidance.noise or guidance.bandwidth_start or guidance.bandwidth_end:
        start = guidance.bandwidth_start or legs[0].bandwidth_start
        end = guidance.bandwidth_end or min(start, legs[-1].bandwidth_end)
        legs = (Leg(guidance.noise or legs[0].noise, max(start, end), end),)
    source = recipe.texture.source
    return _from_within(legs, source.reimagine) if source.image and recipe.kind == "texture" else legs


def _from_within(legs: tuple[Leg, ...], reimagine: float) -> tuple[Leg, ...]:
    """The end of a course that begins as a picture: below the bandwidth that hides as much of it as is made anew."""
    first = legs[-1].bandwidth_end ** (1 - reimagine) * legs[0].bandwidth_start ** reimagine
    begun = max((number for number, leg in enumerate(legs) if leg.bandwidth_start >= first), default=0)
    rest = [replace(leg, bandwidth_start=min(leg.bandwidth_start, first)) for leg in legs[begun:]]
    rest[0] = replace(rest[0], bandwidth_end=min(rest[0].bandwidth_end, first))
    total = sum(leg.share for leg in rest)
    return tuple(replace(leg, share=leg.share / total) for leg in rest)


def _interval(recipe: Recipe, card: PriorCard) -> tuple[float, float]:
    """One end that is named moves the other out of its way."""
    low, high = recipe.guidance.interval_low, recipe.guidance.interval_high
    if low is None:
        low = card.interval[0] if high is None else min(card.interval[0], high / 2)
    return low, max(card.interval[1], 2 * low) if high is None else high


def _opposes_views(recipe: Recipe, card: PriorCard, scale: float) -> bool:
    wanted = _first(recipe.guidance.perp_neg, card.perp_neg)
    told_in_words = recipe.shown == "mesh" and card.view_prompts and not names_a_view(recipe.prompt)
    return bool(wanted) and told_in_words and scale != 1.0


def _first(wish: Any, usual: Any) -> Any:
    return usual if wish is None else wish
