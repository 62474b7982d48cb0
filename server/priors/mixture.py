"""Gaussian mixtures: densities whose smoothing, score, denoiser and product with a kernel are closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

# Points evaluated at once: intermediate arrays of [rows, dimensions, components] then stay in the processor's cache.
_ROWS = 64


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """p(y) = sum_k w_k N(y; mu_k, S_k).

    Noise of standard deviation sigma only widens it: p_sigma = sum_k w_k N(mu_k, S_k + sigma^2 I). All results have the
    dtype of the mixture; use float64 to compare with anything.

    Attributes:
        weights: [K] positive; they sum to 1.
        means: [K, d].
        covariances: [K, d, d] symmetric, positive definite.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def to(self, dtype: torch.dtype) -> GaussianMixture:
        return GaussianMixture(self.weights.to(dtype), self.means.to(dtype), self.covariances.to(dtype))

    def joined(self, other: GaussianMixture) -> GaussianMixture:
        """The even mixture of two mixtures."""
        return GaussianMixture(
            torch.cat([self.weights, other.weights]) / 2,
            torch.cat([self.means, other.means]),
            torch.cat([self.covariances, other.covariances]),
        )

    @cached_property
    def _principal(self) -> _Principal:
        variances, axes = torch.linalg.eigh(self.covariances.double())
        rotation = axes.permute(1, 2, 0).flatten(1).to(self.means.dtype)
        centres = torch.einsum("ki,kij->jk", self.means.double(), axes)
        return _Principal(variances.T.to(self.means.dtype), rotation, centres.to(self.means.dtype))

    def log_density(self, x: Tensor, sigma: float | Tensor = 0.0) -> Tensor:
        """log p_sigma(x), [B], for x [B, d] and one sigma >= 0 or sigma [B]."""
        return torch.cat([self._log_masses(*self._offsets(*part)).logsumexp(1) for part in _parts(x, sigma)])

    def score(self, x: Tensor, sigma: float | Tensor = 0.0) -> Tensor:
        """grad log p_sigma(x), [B, d]."""
        scores = []
        for part in _parts(x, sigma):
            offset, spread = self._offsets(*part)
            share = self._log_masses(offset, spread).softmax(1)
            scores.append(-(share[:, None] * offset / spread).flatten(1) @ self._principal.rotation.T)
        return torch.cat(scores)

    def denoise(self, noisy: Tensor, sigma: float | Tensor) -> Tensor:
        """D(z, sigma) = E[y | y + sigma n = z], [B, d]; equals z + sigma^2 grad log p_sigma(z) (Tweedie)."""
        answers = []
        for part in _parts(noisy, sigma):
            offset, spread = self._offsets(*part)
            share = self._log_masses(offset, spread).softmax(1)
            # Each component answers with its Wiener filter; z + sigma^2 score would cancel digits at large sigma.
            moved = share[:, None] * offset * (self._principal.variances / spread)
            answers.append(share @ self.means + moved.flatten(1) @ self._principal.rotation.T)
        return torch.cat(answers)

    def __call__(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """The mixture as a denoiser: answers in the dtype it is asked in, computed in its own."""
        level = sigma[0] if bool((sigma == sigma[0]).all()) else sigma
        return self.denoise(noisy.to(self.means.dtype), level.to(self.means.dtype)).to(noisy.dtype)

    def product(self, x: Tensor, bandwidth: float) -> GaussianMixture:
        """pi(y) ~ p(y) N(y; x, lambda^2 I) for one x [d], which is again a mixture:

        weights ~ w_k N(x; mu_k, S_k + lambda^2 I), covariances P_k = (S_k^-1 + I / lambda^2)^-1,
        means P_k (S_k^-1 mu_k + x / lambda^2).
        """
        identity = torch.eye(len(x), dtype=x.dtype)
        precision = torch.linalg.inv(self.covariances)
        narrowed = torch.linalg.inv(precision + identity / bandwidth**2)
        centred = narrowed @ (precision @ self.means[:, :, None] + x[:, None] / bandwidth**2)
        seen = torch.distributions.MultivariateNormal(self.means, self.covariances + bandwidth**2 * identity)
        weights = (self.weights.log() + seen.log_prob(x)).softmax(0)
        return GaussianMixture(weights, centred[:, :, 0], (narrowed + narrowed.transpose(1, 2)) / 2)

    def mean(self) -> Tensor:
        """[d]."""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """[d, d]."""
        offset = self.means - self.mean()
        within = torch.einsum("k,kij->ij", self.weights, self.covariances)
        return within + torch.einsum("k,ki,kj->ij", self.weights, offset, offset)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """[count, d] independent draws."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn((count, self.means.shape[1]), generator=generator, dtype=self.means.dtype)
        factors = torch.linalg.cholesky(self.covariances)
        return self.means[chosen] + torch.einsum("bij,bj->bi", factors[chosen], noise)

    def _offsets(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """x - mu_k along component k's principal axes [B, d, K], and the variances there, [1 or B, d, K]."""
        principal = self._principal
        turned = (x @ principal.rotation).unflatten(1, principal.centres.shape)
        return turned - principal.centres, principal.variances + sigma.reshape(-1, 1, 1) ** 2

    def _log_masses(self, offset: Tensor, spread: Tensor) -> Tensor:
        """log w_k N(x; mu_k, S_k + sigma^2 I), [B, K]."""
        constant = self.weights.log() - 0.5 * (spread.log().sum(1) + offset.shape[1] * math.log(2 * math.pi))
        return constant - 0.5 * (offset**2 * (1 / spread)).sum(1)


class _Principal(NamedTuple):
    """Principal axes of all components: axis j of component k is column (j, k) of the rotation."""

    variances: Tensor  # [d, K]
    rotation: Tensor  # [d, d K]
    centres: Tensor  # [d, K], the means along the axes


def _parts(x: Tensor, sigma: float | Tensor) -> list[tuple[Tensor, Tensor]]:
    """Slices of x with their sigmas; a single sigma stays single, which is cheaper."""
    points = x.split(_ROWS)
    levels = torch.as_tensor(sigma, dtype=x.dtype)
    return list(zip(points, [levels] * len(points) if levels.dim() == 0 else levels.split(_ROWS), strict=True))
