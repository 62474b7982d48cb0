"""Estimators of the mean-shift vector (Thamizharasan et al. 2025, "Mean-Shift Distillation for Diffusion Mode
Seeking").

The prior's density p, smoothed by a Gaussian kernel of bandwidth lambda, is p_lambda = p * N(0, lambda^2 I). Around the
current iterate x the kernel weighs clean images y by the product density

    pi(y) ~ p(y) N(y; x, lambda^2 I)                                                               (Eq. 8)

and the mean shift m(x) = E_pi[y] - x = lambda^2 grad log p_lambda(x) points uphill (Eq. 6). Every estimator here
returns a target whose expectation stands for E_pi[y]; they differ in bias, variance and number of network calls:

* `Paper` integrates the probability-flow ODE of the composite score s(z, sigma) + (x - z) / lambda^2 (Eq. 12 - 15);
* `Exact` samples pi with its exact noised score, which one call of the same network gives;
* `Tweedie` uses E_pi[y] = D(x, lambda) itself: one call, no variance;
* `Noised` uses E_n[D(x + lambda n, lambda)]: one call on an input the network knows, at the price of smoothing
  log p_lambda once more.

The bandwidth is always in units of clean images (latents), never of scaled network inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from server.guidance.estimate import Estimate, Watched
from server.guidance.inversion import invert
from server.guidance.levels import interval_levels, rising_levels
from server.guidance.noise import Noise
from server.guidance.sampling import Evaluate, ddim_step, solve
from server.guidance.schedules import karras_grid
from server.priors.denoiser import Denoiser, at_scale
from server.recipe import CentreName, KernelTime

_CONTRACTIONS: dict[str, Callable[[float, float, float], float]] = {
    "half_var": lambda a, b, lam: math.exp(-(a**2 - b**2) / (2 * lam**2)),
    "sigma": lambda a, b, lam: math.exp(-(a - b) / lam**2),
    "lam2+sigma2": lambda a, b, lam: math.sqrt((lam**2 + b**2) / (lam**2 + a**2)),
    "vp": lambda a, b, lam: math.exp(math.log((1 + b**2) / (1 + a**2)) / (2 * lam**2)),
}


def contraction(
    kernel_time: KernelTime,
    sigma: float,
    next_sigma: float,
    bandwidth: float,
    interval: tuple[float, float] = (0.0, math.inf),
) -> float:
    """rho in [0, 1]: how much of z - x the kernel leaves between two noise levels (Eq. 15).

    The kernel alone moves z by dz/dsigma = sigma (z - x) / lambda^2, hence z - x ~ exp(sigma^2 / (2 lambda^2)). The
    paper writes e^{dt / lambda^2} without saying which clock dt is read from:

        half_var      exp(-(a^2 - b^2) / (2 lambda^2)): time is half the noise variance, which solves the ODE exactly
        sigma         exp(-(a - b) / lambda^2): time is sigma; drops the factor sigma of the ODE
        lam2+sigma2   sqrt((lambda^2 + b^2) / (lambda^2 + a^2)): the kernel is widened by the noise
        vp            (alpha_bar_a / alpha_bar_b)^(1 / (2 lambda^2)): the residual taken in variance-preserving units

    Args:
        sigma, next_sigma: levels a > b of one step.
        interval: levels between which the kernel acts; rho is 1 outside it.
    """
    a, b = min(sigma, interval[1]), max(next_sigma, interval[0])
    return _CONTRACTIONS[kernel_time](a, b, bandwidth) if a > b else 1.0


@dataclass(frozen=True)
class Tweedie:
    """E_pi[y] = D(x, lambda) by Tweedie's formula: exact for an exact denoiser, one call, no noise.

    x goes in without noise although the network is told sigma = lambda, so a learned network sees an input off its
    training shell when x is cleaner than lambda says. `Estimate.shell_ratio` tells.
    """

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        watched = Watched(denoiser)
        return watched.estimate(watched(x.detach(), bandwidth))


@dataclass(frozen=True)
class Noised:
    """E_n[D(x + lambda n, lambda)], the average over `samples` draws of n; one call each.

    Its expectation is x + lambda^2 grad (N_lambda * log p_lambda)(x): the logarithm is smoothed once more, which blurs
    the landscape by about one bandwidth. In return a learned network sees exactly what it was trained on. Equal to SDS
    at sigma = lambda with weight sigma.
    """

    samples: int = 1

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        watched = Watched(denoiser)
        x = x.detach()
        total = torch.zeros_like(x)
        for number in range(self.samples):
            total += watched(x + bandwidth * noise.like(x, number), bandwidth)
        return watched.estimate(total / self.samples)


@dataclass(frozen=True)
class Exact:
    """Samples of pi from the probability-flow ODE of its exact noised density; calls: 1 + samples * steps.

    Noised by sigma, pi is again a product, in which z and x are two Gaussian observations of the same clean y. Fused by
    precision they are one observation, which the network answers:

        z~ = (sigma^2 x + lambda^2 z) / (sigma^2 + lambda^2),   sigma~^2 = sigma^2 lambda^2 / (sigma^2 + lambda^2)
        D_pi(z, sigma) = D(z~, sigma~)

    The chain starts around the known mean D(x, lambda) and is integrated by DPM-Solver++ 2M on a Karras grid.

    Attributes:
        steps: network calls per sample.
        samples: independent chains averaged into the target.
        sigma_start: first noise level, in bandwidths.
        sigma_stop: last noise level, in bandwidths, where D_pi is returned. Any value is unbiased (Rao-Blackwell): near
            0 the target is one sample of pi, sharp and noisy; the larger it is, the closer to D(x, lambda), without
            noise.
    """

    steps: int = 8
    samples: int = 1
    sigma_start: float = 5.0
    sigma_stop: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.sigma_stop <= self.sigma_start or self.steps < 1 or self.samples < 1:
            raise ValueError("Exact needs 0 < sigma_stop <= sigma_start, steps >= 1 and samples >= 1")

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        watched = Watched(denoiser)
        x = x.detach()
        product = product_denoiser(watched, x, bandwidth)
        start = self.sigma_start * bandwidth
        grid = karras_grid(self.sigma_stop * bandwidth, start, self.steps if self.sigma_stop < self.sigma_start else 1)
        mean = watched(x, bandwidth)
        total = torch.zeros_like(x)
        for number in range(self.samples):
            total += solve(product, mean + start * noise.like(x, number), [*grid, 0.0], "2m")
        return watched.estimate(total / self.samples)


def product_denoiser(evaluate: Evaluate, x: Tensor, bandwidth: float) -> Evaluate:
    """D_pi(z, sigma) = E[y | y + sigma n = z] for y ~ p(y) N(y; x, bandwidth^2 I), from one call of p's denoiser."""

    def evaluate_product(noisy: Tensor, sigma: float) -> Tensor:
        trust = bandwidth**2 / (sigma**2 + bandwidth**2)
        return evaluate(x + trust * (noisy - x), sigma * math.sqrt(trust))

    return evaluate_product


@dataclass(frozen=True)
class Paper:
    """The paper's sampler: DDIM steps of the prior, each followed by a pull towards x (Eq. 14 and 15).

        z_b = c_b + (zhat_b - c_b) rho(a, b),   zhat_b the DDIM step from level a to b, c_b the kernel's centre

    The composite score it integrates is not the score of noised pi: its direction is right, to first order in
    lambda^2 its length too, but nearly all variance is contracted away. Calls: samples * steps, and once fewer than
    `steps` more for inverted centres.

    Attributes:
        steps: noise levels of the grid, each with one call; the last step goes to 0. See `levels`.
        samples: chains averaged into the target (the paper uses 1 with Stable Diffusion).
        kernel_time: reading of Eq. 15, see `contraction`.
        centre: kernel's centre at level b. "clean" is x itself. "random" is x + b n with one n for all levels, and
            "inversion" is the state of a DDIM inversion of x (the paper's noise scaling); both keep the network's input
            about as noisy as it is told.
        start: "near" begins at the centre's side, z = x + sigma_hi n; "prior" at pure noise of level sigma_max.
        interval: levels between which the kernel acts, in bandwidths. "near" also takes its grid from it.
        sigma_min, sigma_max: ends of the "prior" grid in units of clean images.
        inversion_scale: guidance scale of the inversion. With the sampler's own scale the inversion retraces the
            sampler's path and the signal cancels; the difference of the two scales is the signal.
    """

    steps: int = 12
    samples: int = 1
    kernel_time: KernelTime = "half_var"
    centre: CentreName = "clean"
    start: Literal["near", "prior"] = "near"
    interval: tuple[float, float] = (0.1, 6.0)
    sigma_min: float = 0.002
    sigma_max: float = 5.0
    inversion_scale: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.interval
        if not 0 <= low < high or (self.start == "near" and math.isinf(high)):
            raise ValueError(f"empty kernel interval {self.interval}")
        if self.steps < 1 or self.samples < 1:
            raise ValueError("Paper needs steps >= 1 and samples >= 1")

    def levels(self, bandwidth: float) -> list[float]:
        """Noise levels of the chain, without the final 0: sigma_min..sigma_max, or the interval times the bandwidth."""
        if self.start == "prior":
            return karras_grid(self.sigma_min, self.sigma_max, self.steps)
        return interval_levels(bandwidth, self.steps, self.interval)

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        watched = Watched(denoiser)
        x = x.detach()
        levels = self.levels(bandwidth)
        inverted, inversion_calls = self._inverted(denoiser, x, levels)
        total = torch.zeros_like(x)
        for number in range(self.samples):
            drawn = noise.like(x, number)
            first = self._first(x, drawn, levels[0], inverted)
            total += self.chain(watched, first, bandwidth, partial(self._centre, x, drawn, inverted))
        account = watched.estimate(total / self.samples)
        return Estimate(account.target, account.denoiser_calls + inversion_calls, account.shell_ratio)

    def chain(self, evaluate: Evaluate, noisy: Tensor, bandwidth: float, centre: Callable[[float], Tensor]) -> Tensor:
        """Carry `noisy` from the first of `levels` to 0; `centre` gives c_b for a level b."""
        levels = self.levels(bandwidth)
        interval = (self.interval[0] * bandwidth, self.interval[1] * bandwidth)
        for sigma, next_sigma in pairwise([*levels, 0.0]):
            stepped = ddim_step(noisy, evaluate(noisy, sigma), sigma, next_sigma)
            rho = contraction(self.kernel_time, sigma, next_sigma, bandwidth, interval)
            noisy = centre(next_sigma) + (stepped - centre(next_sigma)) * rho
        return noisy

    def _first(self, x: Tensor, noise: Tensor, sigma: float, inverted: dict[float, Tensor]) -> Tensor:
        if self.start == "prior":
            return sigma * noise
        return inverted[sigma] if self.centre == "inversion" else x + sigma * noise

    def _centre(self, x: Tensor, noise: Tensor, inverted: dict[float, Tensor], sigma: float) -> Tensor:
        if self.centre == "random":
            return x + sigma * noise
        return inverted.get(sigma, x)

    def _inverted(self, denoiser: Denoiser, x: Tensor, levels: list[float]) -> tuple[dict[float, Tensor], int]:
        """States of the inversion by level, and what it cost. Levels too low to invert from are left out: there x
        itself is the centre."""
        if self.centre != "inversion":
            return {}, 0
        evaluate = Watched(at_scale(denoiser, self.inversion_scale))
        rising = rising_levels(levels)
        return dict(zip(rising, invert(evaluate, x, rising), strict=True)), len(rising) - 1
