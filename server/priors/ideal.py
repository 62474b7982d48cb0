"""The ideal denoiser of a finite set of samples."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from server.priors.parametrisation import per_element


class IdealDenoiser:
    """D(z, sigma) = sum_i N(z; y_i, sigma^2 I) y_i / sum_i N(z; y_i, sigma^2 I) (Eq. 16; Karras et al. 2022, Eq. 57).

    It is the best denoiser for data known only through these samples, and D(x, lambda) - x is then the classical mean
    shift of their kernel density estimate (Fukunaga and Hostetler 1975).

    Args:
        samples: [n, ...] clean y_i.
    """

    def __init__(self, samples: Tensor) -> None:
        self._samples = samples

    def __call__(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """noisy [B, ...], sigma [B]; in the log domain, so that no distance is too large."""
        share = self._log_kernel(noisy, sigma).softmax(1)
        return (share @ self._samples.flatten(1)).reshape(noisy.shape)

    def log_density(self, x: Tensor, bandwidth: float) -> Tensor:
        """log of the kernel density estimate (1 / n) sum_i N(x; y_i, bandwidth^2 I), [B]."""
        dimensions = self._samples[0].numel()
        normaliser = dimensions * (math.log(bandwidth) + 0.5 * math.log(2 * math.pi)) + math.log(len(self._samples))
        return self._log_kernel(x, x.new_full((len(x),), bandwidth)).logsumexp(1) - normaliser

    def _log_kernel(self, x: Tensor, sigma: Tensor) -> Tensor:
        distance = torch.cdist(x.flatten(1), self._samples.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
        return -0.5 * (distance / per_element(sigma, distance)) ** 2
