"""The loop: look at the subject, ask the prior which way is uphill, move.

Per step: draw a view, render, encode, estimate the target of the mean shift, hand latent - target to the optimiser.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from server.errors import JobFailed
from server.generators.subject import Exposure, Subject
from server.guidance.convergence import Convergence
from server.guidance.noise import Attached, Fresh, Noise
from server.priors.branches import PerpendicularNegative
from server.priors.denoiser import Guided, Prior
from server.priors.resizing import to_side
from server.recipe import Recipe
from server.studio.choosing import settings_of
from server.studio.health import MOST_BAD_STEPS, Pulse, is_mostly_broken, is_out_of_memory, out_of_memory
from server.studio.snapshot import Snapshot
from server.world.views import Views

WARM_UP_STEPS = 20
SPREAD = 0x9E3779B1  # odd, so that no two seeds share a stream; 2^32 over the golden ratio
DECAY_FROM = 0.7
FINAL_LEARNING_RATE = 0.1
SNAPSHOTS = 20
# What broken numbers leave behind is finished from this share of the steps on; before, it is a blur.
LEAST_TO_KEEP = 0.4

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
        steps: steps that made the result.
        denoiser_calls: evaluations of the network, counted per image and per guidance branch.
        stopped_by: "steps" | "converged" | "time" | "finish" | "not-finite".
        skipped_steps: steps thrown away because a gradient was not finite.
    """

    steps: int
    denoiser_calls: int
    seconds: float
    stopped_by: str
    skipped_steps: int


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness of one step, the same for the same recipe wherever the run was interrupted.

    Generators on the processor keep 32 bits: what of the seed does not fit beside the step is spread over all of them.
    """
    return torch.Generator().manual_seed(((seed << 24) + step + (seed >> 8) * SPREAD) % 2**32)


def learning_rate_factor(step: int, steps: int, settles: bool = True) -> float:
    """Linear warm-up, a plateau, then exponential decay to a tenth over the last part.

    Args:
        settles: False leaves the decay out. Targets that fresh noise scatters are averaged by it; a path that must be
            kept up with to its end would be left behind.
    """
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    if not settles:
        return warm
    late = max(0.0, (step / steps - DECAY_FROM) / (1 - DECAY_FROM))
    return float(warm * FINAL_LEARNING_RATE**late)


def optimise(
    subject: Subject,
    prior: Prior,
    recipe: Recipe,
    on_step: Callable[[Step], None],
    should_stop: StopRequest,
    on_warning: Callable[[str], None],
    on_snapshot: Callable[[Snapshot], None] = lambda snapshot: None,
    start: Snapshot | None = None,
) -> Outcome:
    """Climb until the recipe's steps are done, the shift has vanished, time is up or the user has seen enough.

    Args:
        on_warning: told in a sentence what went wrong and was mended: steps skipped, a shape that vanished, memory.
        on_snapshot: called about SNAPSHOTS times in a run.
        start: of an earlier run with the same recipe and threads, to go on from; on a CPU it ends in the same bits.

    Raises:
        JobFailed: "not-finite" when numbers stay broken before there is anything to keep; "nothing-formed" when nothing
            was left to be seen for the second time; "out-of-memory".
        Cancelled: from `should_stop`.
    """
    climb = _Climb(subject, prior, recipe)
    first = climb.snapshot()
    if start is not None:
        climb.restore(start)
    good = climb.snapshot()
    every = max(1, recipe.steps // SNAPSHOTS)
    lightened = False
    stopped_by = "steps"
    while climb.step < recipe.steps:
        if climb.excluding(should_stop) == "finish":
            stopped_by = "finish"
            break
        if recipe.time_budget_s is not None and climb.seconds() > recipe.time_budget_s:
            stopped_by = "time"
            break
        try:
            converged = climb.advance()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            less = None if lightened else climb.lighten()
            if less is None:
                raise out_of_memory(error) from error
            lightened = True
            on_warning(f"Memory ran out at step {climb.step + 1}; {less} from here on.")
            continue
        if climb.bad_in_a_row >= MOST_BAD_STEPS:
            broke_at = climb.step - MOST_BAD_STEPS + 1
            climb.fall_back(good)
            if good.step < LEAST_TO_KEEP * recipe.steps:
                raise JobFailed(
                    "not-finite",
                    f"The optimisation produced numbers that are not finite from step {broke_at} on.",
                    "Try another seed, a smaller guidance scale or a larger final bandwidth.",
                )
            on_warning(f"Numbers were not finite from step {broke_at} on; the result is that of step {good.step}.")
            stopped_by = "not-finite"
            break
        if climb.is_lost():
            climb.revive(first)
            on_warning(f"Nothing was left to be seen at step {climb.step}; the shape starts anew.")
        on_step(climb.last)
        if converged:
            stopped_by = "converged"
            break
        if climb.step % every == 0 and climb.bad_in_a_row == 0:
            good = climb.snapshot()
            on_snapshot(good)
    if stopped_by != "not-finite" and is_mostly_broken(climb.skipped, climb.step):
        raise JobFailed(
            "not-finite",
            f"{climb.skipped} of {climb.step} steps were skipped: their numbers were not finite.",
            "Try another seed, a smaller guidance scale or a larger final bandwidth.",
        )
    if climb.skipped:
        on_warning(f"{climb.skipped} steps were skipped: their gradients were not finite.")
    return Outcome(climb.step, climb.calls, climb.seconds(), stopped_by, climb.skipped)


class _Climb:
    """The state of a run, and one step of it."""

    def __init__(self, subject: Subject, prior: Prior, recipe: Recipe) -> None:
        guidance = recipe.guidance
        self._subject = subject
        self._prior = prior
        self._recipe = recipe
        self._settings = settings_of(recipe, prior.card)
        # Every step looks at another view, so norms are averaged, not shifts.
        self._convergence = Convergence(guidance.stop_threshold if guidance.method == "msd" else 0.0, average="norm")
        self._optimiser = torch.optim.Adam(subject.parameter_groups(), betas=(0.9, 0.99), eps=1e-15)
        self._peaks = [group["lr"] for group in self._optimiser.param_groups]
        self._parameters = [p for group in self._optimiser.param_groups for p in group["params"]]
        self._pulse = Pulse()
        self._visible = 1.0
        self._since = time.monotonic()
        self.step = self.calls = self.skipped = self.bad_in_a_row = 0
        self.last = Step(0, recipe.steps, 0.0, 0.0, 0)

    def seconds(self) -> float:
        """Of optimisation; waiting for the user, while paused, does not count."""
        return time.monotonic() - self._since

    def excluding(self, ask: StopRequest) -> Literal["finish"] | None:
        before = time.monotonic()
        answer = ask()
        self._since += time.monotonic() - before
        return answer

    def advance(self) -> bool:
        """Take the next step, or skip it when its numbers are not finite. True once converged."""
        recipe, progress = self._recipe, self.step / self._recipe.steps
        settings, now = self._settings, self._settings.course.at(self.step)
        generator = step_generator(recipe.seed, self.step)
        exposure, latent = self._look(progress, generator)
        denoiser = guided(self._prior, recipe, settings.scale, exposure.views)
        noise = _noise(now.noise, exposure, generator)
        with torch.no_grad():
            shift = settings.estimator(denoiser, latent.detach(), now.bandwidth, noise).target - latent.detach()
            target = latent.detach() + now.pace * shift
        self.calls += denoiser.calls * len(latent)

        fits = 1 if now.noise == "fresh" else settings.fits
        for fit in range(fits):
            if fit:
                # The same views and points again: the generator starts anew.
                exposure, latent = self._look(progress, step_generator(recipe.seed, self.step))
            # d loss / d latent = (latent - target) / numel: the mean-shift direction, autograd does the rest.
            # Penalties are weighed against the whole way to the target; beside a part of it, they would rule.
            penalty = now.pace * self._pulse.penalty_weight * exposure.penalty
            loss = 0.5 * (latent - target).square().mean() + penalty
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            finite = self._is_finite(loss)
            if not finite:
                break
            factor = learning_rate_factor(
                self.step * settings.fits + fit, recipe.steps * settings.fits, settings.course.ends_fresh
            )
            for group, peak in zip(self._optimiser.param_groups, self._peaks, strict=True):
                group["lr"] = peak * factor
            self._optimiser.step()
        self.skipped += not finite
        self.bad_in_a_row = 0 if finite else self.bad_in_a_row + 1
        self._visible = exposure.visible
        self.step += 1
        self.last = Step(self.step, recipe.steps, now.bandwidth, self.seconds(), self.calls)
        # Under a wide kernel any picture is near its target, measured in bandwidths; only the narrow end tells.
        return now.is_final and self._convergence.update(shift, now.bandwidth)

    def _look(self, progress: float, generator: torch.Generator) -> tuple[Exposure, Tensor]:
        """What is seen in this step, and its latent."""
        exposure = self._subject.expose(self.step, progress, generator)
        return exposure, self._prior.encode(to_side(exposure.image, self._prior.card.image_size))

    def is_lost(self) -> bool:
        """Whether the subject has not been seen for long. Raises JobFailed the second time."""
        return self._pulse.is_lost(self._visible)

    def revive(self, first: Snapshot) -> None:
        """Put the subject back to how it was at first; step, schedules and counters go on."""
        self._subject.restore(_part(first.tensors, "subject."))
        self._optimiser.state.clear()

    def lighten(self) -> str | None:
        self._optimiser.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self._subject.lighten()

    def snapshot(self) -> Snapshot:
        pulse = self._pulse
        counters = [self.calls, self.skipped, pulse.unseen, int(pulse.revived)]
        tensors = {
            "counters": torch.tensor(counters),
            **{f"subject.{name}": value for name, value in self._subject.state().items()},
            **{f"convergence.{name}": value for name, value in self._convergence.state().items()},
        }
        for number, parameter in enumerate(self._parameters):
            for name, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"adam.{number}.{name}"] = value
        copied = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
        return Snapshot(copied, self.step, self.seconds())

    def restore(self, snapshot: Snapshot) -> None:
        tensors = snapshot.tensors
        self._subject.restore(_part(tensors, "subject."))
        self._convergence.restore(_part(tensors, "convergence."))
        self._optimiser.state.clear()
        for number, parameter in enumerate(self._parameters):
            moments = _part(tensors, f"adam.{number}.")
            if moments:
                # Adam counts its steps on the CPU.
                self._optimiser.state[parameter] = {
                    name: value.clone() if name == "step" else value.to(parameter.device, copy=True)
                    for name, value in moments.items()
                }
        self.calls, self.skipped, self._pulse.unseen, revived = (int(number) for number in tensors["counters"])
        self._pulse.revived = bool(revived)
        self.step, self.bad_in_a_row = snapshot.step, 0
        self._since = time.monotonic() - snapshot.seconds

    def fall_back(self, snapshot: Snapshot) -> None:
        """Be as the snapshot says, without forgetting what was spent since."""
        calls, skipped, since = self.calls, self.skipped, self._since
        self.restore(snapshot)
        self.calls, self.skipped, self._since = calls, skipped, since

    def _is_finite(self, loss: Tensor) -> bool:
        return bool(torch.isfinite(loss)) and all(
            bool(torch.isfinite(p.grad).all()) for p in self._parameters if p.grad is not None
        )


def _noise(name: str, exposure: Exposure, generator: torch.Generator) -> Noise:
    if name == "fresh":
        return Fresh(generator)
    if exposure.noise is None:
        raise ValueError("this subject has no noise of its own")
    return Attached(exposure.noise.attached if name == "attached" else exposure.noise.view, generator)


def guided(prior: Prior, recipe: Recipe, scale: float, views: Views | None) -> Guided:
    """The prior as a recipe asks for it.

    Args:
        scale: of guidance.
        views: from which the prompt is seen; None for a flat picture.
    """
    conditional = prior.condition(recipe.prompt, views)
    # What is to be avoided is so from everywhere: it may be seen by a camera, but takes no words for views.
    seen_from = views if prior.card.takes_camera else None
    if recipe.guidance.perpendicular_negative and recipe.negative_prompt.strip():
        nothing, negative = (prior.condition(text, seen_from) for text in ("", recipe.negative_prompt))
        return Guided(prior, conditional, nothing, scale, negative=negative, rule=PerpendicularNegative(scale))
    unconditional = None if scale == 1.0 else prior.condition(recipe.negative_prompt, seen_from)
    return Guided(prior, conditional, unconditional, scale)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
