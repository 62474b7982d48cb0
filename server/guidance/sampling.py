"""Solvers of the probability-flow ODE dz/dsigma = (z - D(z, sigma)) / sigma (Karras et al. 2022, Eq. 1 and 3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from server.priors.denoiser import Denoiser

Solver = Literal["ddim", "heun", "2m"]
Evaluate = Callable[[Tensor, float], Tensor]
"""D(z, sigma) with one sigma for the whole batch."""


def ddim_step(noisy: Tensor, clean: Tensor, sigma: float, next_sigma: float) -> Tensor:
    """One Euler step sigma -> next_sigma: z' = D + (z - D) sigma' / sigma, which is DDIM (Song et al. 2021)."""
    return clean + (noisy - clean) * (next_sigma / sigma)


def _ddim(evaluate: Evaluate, noisy: Tensor, sigmas: Sequence[float]) -> Tensor:
    for sigma, next_sigma in pairwise(sigmas):
        noisy = ddim_step(noisy, evaluate(noisy, sigma), sigma, next_sigma)
    return noisy


def _heun(evaluate: Evaluate, noisy: Tensor, sigmas: Sequence[float]) -> Tensor:
    for sigma, next_sigma in pairwise(sigmas):
        slope = (noisy - evaluate(noisy, sigma)) / sigma
        guess = noisy + (next_sigma - sigma) * slope
        if next_sigma > 0:
            next_slope = (guess - evaluate(guess, next_sigma)) / next_sigma
            guess = noisy + (next_sigma - sigma) * (slope + next_slope) / 2
        noisy = guess
    return noisy


def _dpm_solver_2m(evaluate: Evaluate, noisy: Tensor, sigmas: Sequence[float]) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2) with h = ln(sigma / sigma'); a step to 0 is first order."""
    previous: Tensor | None = None
    previous_h = math.inf
    for sigma, next_sigma in pairwise(sigmas):
        clean = evaluate(noisy, sigma)
        extrapolated, h = clean, math.inf
        if next_sigma > 0:
            h = math.log(sigma / next_sigma)
            if previous is not None:
                extrapolated = clean + (clean - previous) * (h / (2 * previous_h))
        noisy = ddim_step(noisy, extrapolated, sigma, next_sigma)
        previous, previous_h = clean, h
    return noisy


_SOLVERS: dict[str, Callable[[Evaluate, Tensor, Sequence[float]], Tensor]] = {
    "ddim": _ddim,
    "heun": _heun,
    "2m": _dpm_solver_2m,
}


def solve(evaluate: Evaluate, noisy: Tensor, sigmas: Sequence[float], solver: Solver = "2m") -> Tensor:
    """Carry `noisy` [B, ...] from level sigmas[0] to sigmas[-1].

    Args:
        sigmas: strictly decreasing; only the last may be 0, and then the result is the last D.
        solver: calls per step: ddim 1, 2m 1, heun 2 (1 for a step to 0).
    """
    if any(a <= b for a, b in pairwise(sigmas)) or sigmas[-1] < 0:
        raise ValueError("noise levels must be strictly decreasing and not negative")
    return _SOLVERS[solver](evaluate, noisy, sigmas)


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    shape: Sequence[int],
    sigmas: Sequence[float],
    generator: torch.Generator,
    solver: Solver = "2m",
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw samples, starting from pure noise of standard deviation sigmas[0].

    Args:
        shape: [B, ...] of the samples.
        sigmas: strictly decreasing noise levels without the final 0, which is added here.
        device: where the denoiser lives; the generator's device when left out.
    """
    noise = torch.randn(tuple(shape), generator=generator, device=generator.device, dtype=dtype)
    noise = noise.to(generator.device if device is None else device)

    def evaluate(noisy: Tensor, sigma: float) -> Tensor:
        return denoiser(noisy, noisy.new_full((noisy.shape[0],), sigma))

    return solve(evaluate, noise * sigmas[0], [*sigmas, 0.0], solver)
