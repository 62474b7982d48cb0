"""Score distillation sampling (SDS; Poole et al. 2022, "DreamFusion"), the baseline, as strong as we could make it.

One sample of its gradient is w(sigma) (eps_hat(x + sigma n, sigma) - n), and since eps_hat - n = (x - D) / sigma, the
target is x - w(sigma) / sigma (x - D(x + sigma n, sigma)).

What sets the noise level decides what SDS finds, so the laws are values, too:

* `UniformTime`: timesteps uniform in a range of a variance-preserving model, as published. Ignores the bandwidth.
* `LogNormal`: ln(sigma) normal, by default low noise; by far the best fixed law on low-dimensional densities. Ignores
  the bandwidth.
* `UniformSigma`: sigma uniform. Ignores the bandwidth.
* `Annealed`: sigma = bandwidth, so the bandwidth's schedule anneals the noise. With weight "sigma" this is the mean
  shift of `Noised`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from server.guidance.estimate import Estimate, Watched
from server.guidance.noise import Noise
from server.priors.denoiser import Denoiser
from server.priors.parametrisation import NoiseTable, per_element

LevelLaw = Callable[[int, float, torch.Generator], Tensor]
"""law(batch, bandwidth, generator) -> sigma [batch], float32 on the generator's device."""

Weighting = Literal["1-ab", "one", "sqrt(ab)(1-ab)", "sigma"]

_WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {
    "1-ab": lambda sigma: sigma**2 / (1 + sigma**2),
    "one": torch.ones_like,
    "sqrt(ab)(1-ab)": lambda sigma: sigma**2 / (1 + sigma**2) ** 1.5,
    "sigma": lambda sigma: sigma,
}


@dataclass(frozen=True)
class UniformTime:
    """t uniform in [low, high] as a share of the timesteps of a variance-preserving model."""

    low: float = 0.02
    high: float = 0.98
    table: NoiseTable = field(default_factory=NoiseTable.scaled_linear)

    def __call__(self, batch: int, bandwidth: float, generator: torch.Generator) -> Tensor:
        share = torch.rand(batch, generator=generator, device=generator.device)
        return self.table.sigma_of((self.low + share * (self.high - self.low)) * (len(self.table.log_sigmas) - 1))


@dataclass(frozen=True)
class UniformSigma:
    """sigma uniform in [low, high], in units of clean images."""

    low: float = 0.002
    high: float = 5.0

    def __call__(self, batch: int, bandwidth: float, generator: torch.Generator) -> Tensor:
        share = torch.rand(batch, generator=generator, device=generator.device)
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class LogNormal:
    """ln(sigma) ~ N(mean, std^2); the defaults are those the small networks of Karras et al. 2024 train with."""

    mean: float = -2.3
    std: float = 1.5

    def __call__(self, batch: int, bandwidth: float, generator: torch.Generator) -> Tensor:
        normal = torch.randn(batch, generator=generator, device=generator.device)
        return (self.mean + self.std * normal).exp()


@dataclass(frozen=True)
class Annealed:
    """sigma = bandwidth."""

    def __call__(self, batch: int, bandwidth: float, generator: torch.Generator) -> Tensor:
        return torch.full((batch,), bandwidth, device=generator.device)


@dataclass(frozen=True)
class ScoreDistillation:
    """SDS as an estimator; `samples` network calls.

    Attributes:
        law: where the noise levels come from, drawn anew for every batch element and sample.
        weighting: w(sigma), with alpha_bar written ab: "1-ab" is the usual one; "sigma" makes the target D itself.
        samples: draws averaged into one target.
    """

    law: LevelLaw = field(default_factory=UniformTime)
    weighting: Weighting = "1-ab"
    samples: int = 1

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        watched = Watched(denoiser)
        x = x.detach()
        gradient = torch.zeros_like(x)
        for number in range(self.samples):
            sigma = self.law(x.shape[0], bandwidth, noise.generator).to(device=x.device, dtype=x.dtype)
            level = per_element(sigma, x)
            drawn = noise.like(x, number)
            clean = watched(x + level * drawn, sigma)
            eps_minus_noise = (x - clean) / level
            gradient += _WEIGHTS[self.weighting](level) * eps_minus_noise
        return watched.estimate(x - gradient / self.samples)
