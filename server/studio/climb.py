"""One step uphill: look at the subject, ask the prior which way is up, move.

Beside the paper's Algorithm 2: draw a view and render it, encode, estimate the target of the mean shift, and hand
latent - target to the optimiser as the gradient.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from server.generators.subject import Exposure, Subject
from server.guidance.convergence import Convergence, scaled_shift_norm
from server.guidance.course import Waypoint
from server.guidance.estimate import Estimate
from server.guidance.noise import Attached, Fresh, Noise
from server.priors.denoiser import Prior
from server.priors.resizing import to_side
from server.recipe import Recipe
from server.studio.choosing import estimator_of
from server.studio.health import Pulse
from server.studio.plan import Plan, plan_of
from server.studio.prompting import guided

WARM_UP_STEPS = 20
SPREAD = 0x9E3779B1  # odd, so that no two seeds share a stream; 2^32 over the golden ratio
# A run settles over its second half, but needs so many steps at the full rate to form, or seven tenths of a short run.
# Volume IoU of one seed: of 800 steps, a chair's is .841 where the decay begins at .7, .856 at .5, and a table's .893
# at .5, .884 at .3; of 300, a cube's is .963 at .7 and .953 at .5.
FORMING_STEPS, SETTLES_FROM = 210, (0.5, 0.7)
# The rate falls by e in so much of the run.
SETTLING_TIME = 1 / 7

StopRequest = Callable[[], Literal["finish", "keep"] | None]
"""Asked before every step: "finish" stops here with what there is; "keep" wants a snapshot now, and is asked again."""


@dataclass(frozen=True)
class Step:
    """What one step looked like.

    Attributes:
        number, planned: from 1, and how many there will be.
        bandwidth: of the kernel, in latent units.
        seconds, denoiser_calls: so far.
        q: length of the shift, in bandwidths per dimension (guidance/convergence.py): of order 1 far from a mode, and 0
            at one.
        shell_ratio: how much noise the network saw, of that which it was told (guidance/estimate.py); None where the
            method does not say.
    """

    number: int
    planned: int
    bandwidth: float
    seconds: float
    denoiser_calls: int
    q: float | None = None
    shell_ratio: float | None = None


def step_generator(seed: int, step: int) -> torch.Generator:
    """Randomness of one step, the same for the same recipe wherever the run was interrupted.

    Generators on the processor keep 32 bits: what of the seed does not fit beside the step is spread over all of them.
    """
    return torch.Generator().manual_seed(((seed << 24) + step + (seed >> 8) * SPREAD) % 2**32)


def learning_rate_factor(step: int, steps: int, settles: bool = True) -> float:
    """Linear warm-up, a plateau, then exponential decay: to an eighth in a short run, to a thirtieth in a long one.

    Args:
        settles: False leaves the decay out. Targets that fresh noise scatters are averaged by it; a path that must be
            kept up with to its end would be left behind.
    """
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    if not settles:
        return warm
    earliest, latest = SETTLES_FROM
    begins = min(latest, max(earliest, FORMING_STEPS / steps))
    return warm * math.exp(-max(0.0, step / steps - begins) / SETTLING_TIME)


def adam_of(groups: list[dict[str, Any]]) -> torch.optim.Adam:
    """Adam for a subject's parameter groups. On a processor it moves each tensor in one pass, in a third of the time;
    elsewhere torch chooses, whose single pass would count its steps there, where snapshots do not put them back."""
    on_processor = all(parameter.device.type == "cpu" for group in groups for parameter in group["params"])
    return torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-15, fused=on_processor or None)


class Climb:
    """The state of a run, and one step of it.

    Args:
        plan: None is the recipe's own.

    Attributes:
        step, calls, skipped, bad_in_a_row: what was counted so far.
        last: what the newest step looked like.
    """

    def __init__(self, subject: Subject, prior: Prior, recipe: Recipe, plan: Plan | None = None) -> None:
        guidance = recipe.guidance
        self.subject = subject
        self.recipe = recipe
        self._prior = prior
        self._plan = plan or plan_of(recipe, prior.card)
        self._estimator = estimator_of(self._plan)
        # Every step looks at another view, so norms are averaged, not shifts.
        self.convergence = Convergence(guidance.stop_threshold if guidance.method == "msd" else 0.0, average="norm")
        self.optimiser = adam_of(subject.parameter_groups())
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._peaks = [group["lr"] for group in self.optimiser.param_groups]
        self.pulse = Pulse()
        self.visible = 1.0
        self.since = time.monotonic()
        self.step = self.calls = self.skipped = self.bad_in_a_row = 0
        self.last = Step(0, recipe.steps, 0.0, 0.0, 0)

    def seconds(self) -> float:
        """Of optimisation; waiting for the user, while paused, does not count."""
        return time.monotonic() - self.since

    def excluding(self, ask: StopRequest) -> Literal["finish", "keep"] | None:
        before = time.monotonic()
        answer = ask()
        self.since += time.monotonic() - before
        return answer

    def advance(self) -> bool:
        """Take the next step, or skip it when its numbers are not finite. True once converged."""
        now = self._plan.course.at(self.step)
        generator = step_generator(self.recipe.seed, self.step)
        exposure, latent = self._look(generator)
        estimate = self._estimate(exposure, latent.detach(), now, generator)
        shift = estimate.target - latent.detach()
        finite = self._move(exposure, latent, latent.detach() + now.pace * shift, now)
        self.skipped += not finite
        self.bad_in_a_row = 0 if finite else self.bad_in_a_row + 1
        self.visible = exposure.visible
        self.step += 1
        q, seen = scaled_shift_norm(shift, now.bandwidth), estimate.shell_ratio
        told = (None if value is None or not math.isfinite(value) else float(value) for value in (q, seen))
        self.last = Step(self.step, self.recipe.steps, now.bandwidth, self.seconds(), self.calls, *told)
        # Under a wide kernel any picture is near its target, measured in bandwidths; only the narrow end tells.
        return now.is_final and self.convergence.update(shift, now.bandwidth)

    def _look(self, generator: torch.Generator) -> tuple[Exposure, Tensor]:
        """What is seen in this step, and its latent."""
        exposure = self.subject.expose(self.step, self.step / self.recipe.steps, generator)
        return exposure, self._prior.encode(to_side(exposure.image, self._prior.card.image_size))

    def _estimate(self, exposure: Exposure, latent: Tensor, now: Waypoint, generator: torch.Generator) -> Estimate:
        """Which way is up from `latent`."""
        denoiser = guided(self._prior, self.recipe, self._plan, exposure.views)
        with torch.no_grad():
            estimate = self._estimator(denoiser, latent, now.bandwidth, _noise(now.noise, exposure, generator))
        self.calls += denoiser.calls * len(latent)
        return estimate

    def _move(self, exposure: Exposure, latent: Tensor, target: Tensor, now: Waypoint) -> bool:
        """Bring the latent nearer to its target. False, with nothing moved, when a number was not finite."""
        plan = self._plan
        fits = 1 if now.noise == "fresh" else plan.fits
        for fit in range(fits):
            if fit:
                # The same views and points again: the generator starts anew.
                exposure, latent = self._look(step_generator(self.recipe.seed, self.step))
            # d loss / d latent = (latent - target) / numel: the mean-shift direction, autograd does the rest.
            # Penalties are weighed against the whole way to the target; beside a part of it, they would rule.
            penalty = now.pace * self.pulse.penalty_weight * exposure.penalty
            loss = 0.5 * (latent - target).square().mean() + penalty
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if not self._is_finite(loss):
                return False
            done, planned = self.step * plan.fits + fit, self.recipe.steps * plan.fits
            factor = learning_rate_factor(done, planned, plan.course.ends_fresh)
            for group, peak in zip(self.optimiser.param_groups, self._peaks, strict=True):
                group["lr"] = peak * factor
            self.optimiser.step()
        return True

    def _is_finite(self, loss: Tensor) -> bool:
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        # Their extremes tell in a twelfth of the time that asking every number takes.
        return all(bool(torch.stack(torch.aminmax(numbers)).isfinite().all()) for numbers in (loss, *gradients))


def _noise(name: str, exposure: Exposure, generator: torch.Generator) -> Noise:
    if name == "fresh":
        return Fresh(generator)
    if exposure.noise is None:
        raise ValueError("this subject has no noise of its own")
    return Attached(exposure.noise.attached if name == "attached" else exposure.noise.view, generator)
