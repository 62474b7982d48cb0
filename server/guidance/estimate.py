"""The one call signature of every guidance method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from server.guidance.noise import Noise
from server.priors.denoiser import Denoiser


@dataclass(frozen=True)
class Estimate:
    """Where to move, and what it cost.

    Attributes:
        target: shaped like x, detached. The gradient handed to the optimiser is x - target, that of
            0.5 ||x - target||^2 with the target held fixed; for mean-shift methods target - x is the mean-shift
            vector m(x).
        denoiser_calls: evaluations of the denoiser per batch element (guidance not counted here: the denoiser counts
            its own branches).
        shell_ratio: ||z - D|| / (sigma sqrt d), averaged over evaluations and batch; a 0-dimensional tensor on x's
            device. Near 1 the network sees as much noise as it was told; far below 1 it is asked about inputs that
            are cleaner than anything it was trained on.
    """

    target: Tensor
    denoiser_calls: int
    shell_ratio: Tensor | None = None


Estimator = Callable[[Denoiser, Tensor, float, Noise], Estimate]
"""estimate(denoiser, x, bandwidth, noise): x [B, ...] clean-scale latents, bandwidth > 0 in the units of x."""


class Watched:
    """A denoiser that is called with a plain number for sigma, without gradients, and remembers what it was asked."""

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser
        self._ratios: list[Tensor] = []

    def __call__(self, noisy: Tensor, sigma: float | Tensor) -> Tensor:
        """D(noisy, sigma) for noisy [B, ...] and one sigma for all, or sigma [B]."""
        levels = sigma if isinstance(sigma, Tensor) else noisy.new_full((noisy.shape[0],), sigma)
        with torch.no_grad():
            clean = self._denoiser(noisy, levels)
            residual = (noisy - clean).flatten(1)
            self._ratios.append((residual.norm(dim=1) / (levels * residual.shape[1] ** 0.5)).mean())
        return clean

    def estimate(self, target: Tensor) -> Estimate:
        """`target` with the account of all calls so far."""
        return Estimate(target.detach(), len(self._ratios), torch.stack(self._ratios).mean())
