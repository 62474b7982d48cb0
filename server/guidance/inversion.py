"""DDIM inversion, and score distillation via inversion (SDI; Lukoianov et al. 2024, "Score Distillation via
Reparametrized DDIM").

SDI is SDS with the random noise n replaced by the noise that DDIM inversion finds in x: the network is then asked about
a point that its own trajectories visit. With the target D(z_inv, sigma) it is also Tweedie mean shift evaluated at the
inverted point, with bandwidth = sigma.

The inversion runs at a guidance scale of its own. Published code states it as "-7.5" in a form that adds
s (conditional - unconditional) to the *conditional* output when no perpendicular negative prompts are used. In the
convention here, uncond + w (cond - uncond), that is w = 1 - 7.5 = -6.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from server.guidance.estimate import Estimate, Watched
from server.guidance.noise import Noise
from server.guidance.sampling import Evaluate, ddim_step
from server.guidance.schedules import log_grid
from server.priors.denoiser import Denoiser, at_scale

# Below this level a network's noise estimate for a clean image is mostly its own error, and inversion amplifies it.
LOWEST_INVERSION_SIGMA = 0.05


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


@dataclass(frozen=True)
class DistillationViaInversion:
    """SDI as an estimator: target D_w(z_inv, bandwidth), with z_inv the inversion of x up to sigma = bandwidth.

    Attributes:
        steps: inversion steps.
        inversion_scale: guidance scale of the inversion. Only matters for guided denoisers.
        noise: share of drawn noise mixed into the inverted noise before the last call (variance preserving), the
            published eta.
    """

    steps: int = 10
    inversion_scale: float = -6.5
    noise: float = 0.3

    @torch.no_grad()
    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        inverting = Watched(at_scale(denoiser, self.inversion_scale))
        start = min(LOWEST_INVERSION_SIGMA, 0.5 * bandwidth)
        levels = log_grid(start, bandwidth, self.steps + 1)[::-1]
        found = (invert(inverting, x, levels)[-1] - x) / bandwidth
        mixed = (1 - self.noise**2) ** 0.5 * found + self.noise * noise.like(x)
        answering = Watched(denoiser)
        final = answering.estimate(answering(x + bandwidth * mixed, bandwidth))
        return replace(final, denoiser_calls=self.steps + final.denoiser_calls)
