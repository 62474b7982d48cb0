"""A small network that learns the score of a planar density, its training, and the weights that come with this package.

The architecture follows the two-dimensional experiment of Karras et al. 2024 ("Guiding a Diffusion Model with a Bad
Version of Itself"): a magnitude-preserving network outputs an unnormalised log density, whose gradient is the score.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from server.errors import BadRequest, JobFailed
from server.files import save_results
from server.priors.mixture import GaussianMixture

# Standard deviation that the inputs are scaled by.
DATA_STD = 0.5
# ln(sigma) of the training noise is normal with this mean and standard deviation.
LOG_SIGMA_MEAN, LOG_SIGMA_STD = -2.3, 1.5
_WEIGHTS = Path(__file__).parent / "weights"


class _UnitLinear(nn.Module):
    """y = W x with rows of W kept at length 1, so that inputs of unit variance give outputs of unit variance."""

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn((outputs, inputs), generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.weight / self.weight.norm(dim=1, keepdim=True)).T


class LearnedDensity(nn.Module):
    """log p_sigma(x) up to a constant: gain mean(y^2) / sigma - |x'|^2 / 2 with x' = x / sqrt(0.5^2 + sigma^2)."""

    def __init__(self, generator: torch.Generator, hidden: int = 64, layers: int = 4) -> None:
        super().__init__()
        sizes = [4] + [hidden] * (layers + 1)
        self.layers = nn.ModuleList(_UnitLinear(a, b, generator) for a, b in pairwise(sizes))
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """x [B, 2], sigma [B] -> [B]."""
        level = sigma[:, None]
        scaled = x / torch.sqrt(DATA_STD**2 + level**2)
        y = torch.cat([scaled, level.log() / 4, torch.ones_like(level)], 1)
        for layer in self.layers[:-1]:
            y = nn.functional.silu(layer(y)) / 0.596
        y = self.layers[-1](y)
        return self.gain * (y**2).mean(1) / sigma - (scaled**2).sum(1) / 2

    def score(self, x: Tensor, sigma: Tensor, differentiable: bool = False) -> Tensor:
        """grad_x log p_sigma(x), [B, 2]; `differentiable` keeps the graph for training."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self(x, sigma).sum(), x, create_graph=differentiable)
        return gradient

    def denoise(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """D(z, sigma) = z + sigma^2 score, [B, 2], in the dtype it is asked in."""
        score = self.score(noisy.float(), sigma.float()).to(noisy.dtype)
        return noisy + sigma[:, None] ** 2 * score


def train(
    mixture: GaussianMixture,
    generator: torch.Generator,
    iterations: int = 4096,
    batch: int = 1024,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> LearnedDensity:
    """Fit the analytic score of `mixture` under noise: loss sigma^2 |score error|^2, Adam, averaged weights.

    Args:
        on_step: called with (iterations done, loss of this batch).

    Raises:
        JobFailed: code "diverged" when the loss is no longer finite.
    """
    network = LearnedDensity(generator)
    # Single precision is enough for a target, and twice as fast.
    teacher = mixture.to(torch.float32)
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2, betas=(0.9, 0.99))
    for step in range(1, iterations + 1):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 / math.sqrt(max(step / 512, 1))
        sigma = (LOG_SIGMA_MEAN + LOG_SIGMA_STD * torch.randn(batch, generator=generator)).exp()
        noisy = teacher.sample(batch, generator) + sigma[:, None] * torch.randn((batch, 2), generator=generator)
        error = network.score(noisy, sigma, differentiable=True) - teacher.score(noisy, sigma)
        loss = (sigma[:, None] ** 2 * error**2).sum(1).mean()
        if not bool(torch.isfinite(loss)):
            raise JobFailed("diverged", f"Training diverged at iteration {step}.", "Try another seed.")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        # Averages the last percent or so of training (Karras et al. 2024, power-function averaging).
        keep = (1 - 1 / step) ** 98
        with torch.no_grad():
            for slow, fast in zip(averaged.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        on_step(step, loss.item())
    return averaged.requires_grad_(False)


def score_errors(network: LearnedDensity, mixture: GaussianMixture, points: Tensor, sigma: float) -> float:
    """sigma * RMS error of the score at `points` noised by sigma, i.e. the RMS error of the predicted noise."""
    levels = points.new_full((len(points),), sigma)
    error = network.score(points.float(), levels.float()).double() - mixture.score(points, sigma)
    return float(sigma * error.square().sum(1).mean().sqrt())


def save_weights(network: LearnedDensity, path: Path) -> None:
    """Replace `path`, or keep the weights elsewhere. Raises JobFailed, as server.files.save_results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_results({path: save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})})


def load_weights(density: str, path: Path | None = None) -> LearnedDensity:
    """The trained network of a density: from `path`, or the one that comes with this package.

    Raises:
        BadRequest: code "weights-missing" when there is none, "weights-broken" when the file is something else.
    """
    source = path or _WEIGHTS / f"{density}.safetensors"
    if not source.is_file():
        raise BadRequest(
            "weights-missing",
            f"There are no learned weights for {density!r} at {source}.",
            f"Train them: python -m server lab train --density {density}",
        )
    network = LearnedDensity(torch.Generator())
    try:
        network.load_state_dict(load_file(source))
    except Exception as error:
        raise BadRequest("weights-broken", f"{source} does not hold the weights of this network ({error}).") from None
    return network.requires_grad_(False)
