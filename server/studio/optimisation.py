"""The loop: look at the subject, ask the prior which way is uphill, move.

Per step: draw a view, render, encode, estimate the target of the mean shift, hand latent - target to the optimiser.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from server.errors import JobFailed
from server.generators.subject import Subject
from server.guidance.choosing import choose_estimator
from server.guidance.convergence import Convergence
from server.guidance.schedules import Schedule
from server.priors.branches import PerpendicularNegative
from server.priors.denoiser import Guided, Prior
from server.priors.views import Views
from server.recipe import Recipe

WARM_UP_STEPS = 20
DECAY_FROM = 0.7
FINAL_LEARNING_RATE = 0.1
MAX_BAD_STEPS = 10
# The run may end by itself once its bandwidth is within this factor of the last one.
NARROW = 1.5

StopRequest = Callable[[], Literal["finish"] | None]


@dataclass(frozen=True)
class Step:
    """What one step looked like: its number (from 1), steps planned, bandwidth, seconds and denoiser calls so far."""

    number: int
    planned: int
    bandwidth: float
    seconds: float
    denoiser_calls: int


@dataclass(frozen=True)
class Outcome:
    """How the optimisation ended.

    Attributes:
        stopped_by: "steps" | "converged" | "time" | "finish".
        denoiser_calls: evaluations of the network, counted per image and per guidance branch.
        skipped_steps: steps thrown away because a gradient was not finite.
    """

    steps: int
    denoiser_calls: int
    seconds: float
    stopped_by: str
    skipped_steps: int


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness of one step, the same for the same recipe wherever the run was interrupted."""
    return torch.Generator().manual_seed((seed << 24) + step)


def learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up, a plateau, then exponential decay to a tenth over the last part."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    late = max(0.0, (step / steps - DECAY_FROM) / (1 - DECAY_FROM))
    return float(warm * FINAL_LEARNING_RATE**late)


def optimise(
    subject: Subject,
    prior: Prior,
    recipe: Recipe,
    on_step: Callable[[Step], None],
    should_stop: StopRequest,
) -> Outcome:
    """Climb until the recipe's steps are done, the shift has vanished, time is up or the user has seen enough.

    Raises:
        JobFailed: code "not-finite" when gradients stay non-finite for several steps in a row.
        Cancelled: from `should_stop`.
    """
    card, guidance = prior.card, recipe.guidance
    scale = card.guidance_scale if guidance.scale is None else guidance.scale
    bandwidth_at = Schedule(
        guidance.bandwidth_schedule,
        guidance.bandwidth_start or card.bandwidth_start,
        guidance.bandwidth_end or card.bandwidth_end,
    )
    estimate = choose_estimator(guidance, card.estimator)
    # Every step looks at another view, so norms are averaged, not shifts.
    convergence = Convergence(guidance.stop_threshold if guidance.method == "msd" else 0.0, average="norm")
    optimiser = torch.optim.Adam(subject.parameter_groups(), betas=(0.9, 0.99), eps=1e-15)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: learning_rate_factor(step, recipe.steps))
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]

    clock = _Clock()
    calls = skipped = skipped_in_a_row = 0
    stopped_by, done = "steps", 0
    for step in range(recipe.steps):
        if clock.excluding(should_stop) == "finish":
            stopped_by = "finish"
            break
        if recipe.time_budget_s is not None and clock.seconds() > recipe.time_budget_s:
            stopped_by = "time"
            break
        progress = step / recipe.steps
        bandwidth = bandwidth_at(progress)
        generator = step_generator(recipe.seed, step)

        exposure = subject.expose(step, progress, generator)
        image = exposure.image
        if image.shape[-1] != card.image_size:
            image = torch.nn.functional.interpolate(
                image, size=(card.image_size, card.image_size), mode="bilinear", align_corners=False
            )
        latent = prior.encode(image)
        denoiser = _guided(prior, recipe, scale, exposure.views)
        with torch.no_grad():
            target = estimate(denoiser, latent.detach(), bandwidth, generator).target
        calls += denoiser.calls * len(latent)

        # d loss / d latent = (latent - target) / numel: the mean-shift direction, autograd does the rest.
        loss = 0.5 * (latent - target).square().mean() + exposure.penalty
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        finite = bool(torch.isfinite(loss)) and all(
            bool(torch.isfinite(p.grad).all()) for p in parameters if p.grad is not None
        )
        if finite:
            optimiser.step()
            skipped_in_a_row = 0
        else:
            skipped += 1
            skipped_in_a_row += 1
            if skipped_in_a_row >= MAX_BAD_STEPS:
                raise JobFailed(
                    "not-finite",
                    f"The optimisation produced numbers that are not finite at step {step + 1}.",
                    "Try another seed, a smaller guidance scale or a larger final bandwidth.",
                )
        schedule.step()
        done = step + 1
        on_step(Step(done, recipe.steps, bandwidth, clock.seconds(), calls))
        # Under a wide kernel any picture is near its target, measured in bandwidths; only the narrow end tells.
        narrow = bandwidth <= NARROW * bandwidth_at(1.0)
        if narrow and convergence.update(target - latent.detach(), bandwidth):
            stopped_by = "converged"
            break
    return Outcome(done, calls, clock.seconds(), stopped_by, skipped)


def _guided(prior: Prior, recipe: Recipe, scale: float, views: Views | None) -> Guided:
    conditional = prior.condition(recipe.prompt, views)
    # What is to be avoided is so from everywhere: it may be seen by a camera, but takes no words for views.
    seen_from = views if prior.card.takes_camera else None
    if recipe.guidance.perpendicular_negative and recipe.negative_prompt.strip():
        nothing, negative = (prior.condition(text, seen_from) for text in ("", recipe.negative_prompt))
        return Guided(prior, conditional, nothing, scale, negative=negative, rule=PerpendicularNegative(scale))
    unconditional = None if scale == 1.0 else prior.condition(recipe.negative_prompt, seen_from)
    return Guided(prior, conditional, unconditional, scale)


class _Clock:
    """Seconds of optimisation; waiting for the user, while paused, does not count."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._since

    def excluding(self, ask: StopRequest) -> Literal["finish"] | None:
        before = time.monotonic()
        answer = ask()
        self._since += time.monotonic() - before
        return answer
