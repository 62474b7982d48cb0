"""DDIM inversion, and two baselines made of it: SDI and flow.

Score distillation via inversion (SDI; Lukoianov et al. 2024, "Score Distillation via Reparametrized DDIM") is SDS with
the random noise n replaced by the noise that DDIM inversion finds in x: the network is then asked about a point that
its own trajectories visit. With the target D(z_inv, sigma) it is also Tweedie mean shift evaluated at the inverted
point, with bandwidth = sigma. Flow inverts all the way up and samples all the way back.

The inversion runs at a guidance scale of its own. Published code states SDI's as "-7.5" in a form that adds
s (conditional - unconditional) to the *conditional* output when no perpendicular negative prompts are used. In the
convention here, uncond + w (cond - uncond), that is w = 1 - 7.5 = -6.5. A model without guidance is inverted without
it, and then the inversion all but retraces the sampler: SDI has little left to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from server.guidance.estimate import Estimate, Watched
from server.guidance.levels import LOWEST_INVERSION_SIGMA, timesteps_below
from server.guidance.noise import Noise
from server.guidance.sampling import Evaluate, ddim_step, solve
from server.guidance.schedules import TIMESTEPS, log_grid, sigma_at, timestep_at
from server.priors.denoiser import Denoiser, at_scale


def invert(evaluate: Evaluate, x: Tensor, sigmas: Sequence[float]) -> list[Tensor]:
    """States of the DDIM inversion of x at every level of `sigmas`.

    Args:
        x: [B, ...] clean; it is taken as the state at sigmas[0], so that level should be small but not 0.
        sigmas: strictly increasing, > 0.

    Returns:
        one [B, ...] for each level, the first being x; costs len(sigmas) - 1 evaluations.
    """
    states = [x]
    for sigma, next_sigma in pairwise(sigmas):
        states.append(ddim_step(states[-1], evaluate(states[-1], sigma), sigma, next_sigma))
    return states


class Ladder(Protocol):
    """Levels of an inversion."""

    def __call__(self, bandwidth: float, generator: torch.Generator) -> list[float]:
        """Strictly increasing, > 0; the last is where the noise is looked for."""


@dataclass(frozen=True)
class Timesteps:
    """As published: the timesteps of an even grid that lie below the bandwidth's own, and at last one that lies beyond
    it by less than a spacing, drawn anew each time. The noise found there is used at the bandwidth.

    Attributes:
        steps: of the grid over all of Stable Diffusion's timesteps.
    """

    steps: int = 10

    def __call__(self, bandwidth: float, generator: torch.Generator) -> list[float]:
        share = float(torch.rand(1, generator=generator, device=generator.device))
        beyond = min(timestep_at(bandwidth) + share * TIMESTEPS / self.steps, TIMESTEPS - 1.0)
        return [*timesteps_below(bandwidth, self.steps), max(bandwidth, sigma_at(beyond))]


@dataclass(frozen=True)
class EvenlyUp:
    """`steps` steps up to the bandwidth itself, evenly spaced in ln(sigma): for densities whose levels are not those of
    Stable Diffusion."""

    steps: int = 10

    def __call__(self, bandwidth: float, generator: torch.Generator) -> list[float]:
        return log_grid(min(LOWEST_INVERSION_SIGMA, 0.5 * bandwidth), bandwidth, self.steps + 1)[::-1]


@dataclass(frozen=True)
class DistillationViaInversion:
    """SDI as an estimator: target D_w(x + bandwidth n, bandwidth), with n the noise that an inversion of x finds.

    Attributes:
        ladder: levels of the inversion.
        inversion_scale: guidance scale of the inversion. Only matters for guided denoisers.
        eta: of the noise that is added after every step of the inversion, in units of DDIM's own.
    """

    ladder: Ladder = field(default_factory=Timesteps)
    inversion_scale: float = -6.5
    eta: float = 0.3

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        inverting = Watched(at_scale(denoiser, self.inversion_scale))
        x = state = x.detach()
        levels = self.ladder(bandwidth, noise.generator)
        for number, (sigma, next_sigma) in enumerate(pairwise(levels)):
            state = ddim_step(state, inverting(state, sigma), sigma, next_sigma)
            state = state + self.eta * ddim_deviation(sigma, next_sigma) * noise.like(x, number)
        found = (state - x) / levels[-1]
        answering = Watched(denoiser)
        final = answering.estimate(answering(x + bandwidth * found, bandwidth))
        return replace(final, denoiser_calls=len(levels) - 1 + final.denoiser_calls)


def ddim_deviation(sigma: float, next_sigma: float) -> float:
    """Standard deviation of DDIM's noise between two levels (Song et al. 2021, Eq. 16 with eta 1), as published code
    adds it on the way up: to the variance-preserving state at the upper level, here in units of clean images.

    Args:
        sigma, next_sigma: the lower and the upper level.
    """
    between = (next_sigma**2 - sigma**2) * (1 + next_sigma**2) / (1 + sigma**2)
    return float(sigma / next_sigma * between**0.5)


@dataclass(frozen=True)
class Flow:
    """Invert x up to pure noise, and sample back from there: the target is where the model's own flow takes it, without
    any kernel. The bandwidth is not looked at, and nothing is drawn.

    With equal scales both ways the flow retraces itself; the difference of the scales is what it has to say.

    Attributes:
        steps: noise levels, evenly spaced in ln(sigma). Calls: steps - 1 up, steps down.
        sigma_min, sigma_max: ends of the levels, in units of clean images.
        inversion_scale: guidance scale on the way up.
    """

    steps: int = 12
    sigma_min: float = LOWEST_INVERSION_SIGMA
    sigma_max: float = 14.6
    inversion_scale: float = 0.0

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        falling = log_grid(self.sigma_min, self.sigma_max, self.steps)
        upwards, downwards = Watched(at_scale(denoiser, self.inversion_scale)), Watched(denoiser)
        top = invert(upwards, x.detach(), falling[::-1])[-1]
        back = downwards.estimate(solve(downwards, top, [*falling, 0.0], "ddim"))
        return replace(back, denoiser_calls=len(falling) - 1 + back.denoiser_calls)
