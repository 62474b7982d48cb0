"""From what a network predicts (eps, v, sample, flow) to a denoiser D(z, sigma) in EDM form, and from sigma to time.

EDM form: z = y + sigma n. The two families of networks see the same z in another scale:

* variance preserving (DDPM, Ho et al. 2020): z_t = sqrt(a) y + sqrt(1 - a) n, so sigma = sqrt((1 - a) / a) and
  z_t = z / sqrt(1 + sigma^2), where a is the cumulative product of alphas at t;
* flow matching (Lipman et al. 2023): z_u = (1 - u) y + u n, so sigma = u / (1 - u) and z_u = z / (1 + sigma).

Every function takes `sigma` as a tensor that broadcasts against z; `per_element` makes one from sigma [B]. Do the
conversion in float32 or better: in half precision the subtraction z - sigma eps loses the image at large sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""D(z, sigma): z [B, ...] noisy, sigma [B] standard deviation of the noise in z's units; E[y | z] shaped like z."""

Prediction = Literal["eps", "v", "sample", "flow"]
"""What the network's output means. The first three are variance preserving; "flow" is v = n - y on z_u."""

Network = Callable[[Tensor, Tensor], Tensor]
"""network(input [B, ...] in the network's own scale, time [B]) -> output shaped like the input."""


def per_element(sigma: Tensor, like: Tensor) -> Tensor:
    """sigma [B] as [B, 1, 1, ...], ready to broadcast against `like` [B, ...], in its dtype."""
    return sigma.to(like.dtype).reshape(-1, *[1] * (like.dim() - 1))


def sigma_from_alpha_bar(alpha_bar: Tensor) -> Tensor:
    """sqrt((1 - a) / a); infinite where a = 0 (schedules rescaled to zero terminal signal)."""
    return torch.sqrt((1 - alpha_bar) / alpha_bar)


def flow_time_from_sigma(sigma: Tensor) -> Tensor:
    """u = sigma / (1 + sigma) in [0, 1); flow networks of the diffusers library are called with 1000 u."""
    return sigma / (1 + sigma)


def network_input(noisy: Tensor, sigma: Tensor, prediction: Prediction) -> Tensor:
    """z in the scale the network was trained on: z / sqrt(1 + sigma^2), or z / (1 + sigma) for flow."""
    if prediction == "flow":
        return noisy / (1 + sigma)
    return noisy * torch.rsqrt(1 + sigma**2)


def clean_from_output(output: Tensor, noisy: Tensor, sigma: Tensor, prediction: Prediction) -> Tensor:
    """D(z, sigma) from the network's output.

    Args:
        output: [B, ...] what the network returned for `network_input(noisy, sigma, prediction)`.
        noisy: [B, ...] z in EDM form, not the network's input.
        sigma: broadcastable against `noisy`.

    With a = 1 / (1 + sigma^2), u = sigma / (1 + sigma):
        eps     D = z - sigma eps
        v       D = a z - sqrt(1 - a) v          (v = sqrt(a) eps - sqrt(1 - a) y; Salimans and Ho 2022)
        sample  D = output
        flow    D = (1 - u) z - u v
    """
    if prediction == "eps":
        return noisy - sigma * output
    if prediction == "v":
        return noisy / (1 + sigma**2) - output * (sigma * torch.rsqrt(1 + sigma**2))
    if prediction == "sample":
        return output
    if prediction == "flow":
        return noisy / (1 + sigma) - output * flow_time_from_sigma(sigma)
    raise ValueError(f"unknown prediction {prediction!r}")


def output_from_clean(clean: Tensor, noisy: Tensor, sigma: Tensor, prediction: Prediction) -> Tensor:
    """The output a perfect network would have given, the inverse of `clean_from_output`: the training target, too.

    Args:
        clean: [B, ...] D(z, sigma), or the clean image itself when it is used as a training target.
    """
    noise = (noisy - clean) / sigma
    if prediction == "eps":
        return noise
    if prediction == "v":
        return (noise - sigma * clean) * torch.rsqrt(1 + sigma**2)
    if prediction == "sample":
        return clean
    if prediction == "flow":
        return noise - clean
    raise ValueError(f"unknown prediction {prediction!r}")


@dataclass(frozen=True)
class NoiseTable:
    """Noise levels of the discrete timesteps of a variance-preserving model.

    Between two timesteps, time is linear in ln(sigma). Levels outside the table answer with its first or last timestep.

    Attributes:
        log_sigmas: [T] ln(sigma) at timestep 0 .. T - 1, strictly increasing, finite.
    """

    log_sigmas: Tensor

    @staticmethod
    def from_alphas_cumprod(alphas_cumprod: Tensor) -> NoiseTable:
        """The table of a diffusers scheduler. Timesteps without any signal (a = 0) are left off its end."""
        sigmas = sigma_from_alpha_bar(alphas_cumprod.double())
        return NoiseTable(sigmas[torch.isfinite(sigmas)].log())

    @staticmethod
    def scaled_linear(start: float = 0.00085, end: float = 0.012, steps: int = 1000) -> NoiseTable:
        """Betas linear in their square roots: the schedule of Stable Diffusion (Rombach et al. 2022)."""
        betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
        return NoiseTable.from_alphas_cumprod(torch.cumprod(1 - betas, 0))

    @property
    def steps(self) -> int:
        return len(self.log_sigmas)

    @property
    def sigma_min(self) -> float:
        return float(self.log_sigmas[0].exp())

    @property
    def sigma_max(self) -> float:
        return float(self.log_sigmas[-1].exp())

    def time_of(self, sigma: Tensor) -> Tensor:
        """Fractional timestep in [0, T - 1] with the given noise level; any shape, sigma's dtype."""
        table = self.log_sigmas.to(sigma.device)
        wanted = sigma.double().log().clamp(table[0], table[-1])
        above = torch.searchsorted(table, wanted).clamp(1, len(table) - 1)
        low, high = table[above - 1], table[above]
        return (above - 1 + (wanted - low) / (high - low)).to(sigma.dtype)

    def sigma_of(self, time: Tensor) -> Tensor:
        """Noise level at a fractional timestep, clamped to [0, T - 1]; the inverse of `time_of`."""
        table = self.log_sigmas.to(time.device)
        wanted = time.double().clamp(0, len(table) - 1)
        below = wanted.floor().long().clamp(max=len(table) - 2)
        return torch.lerp(table[below], table[below + 1], wanted - below).exp().to(time.dtype)


def as_denoiser(network: Network, prediction: Prediction, table: NoiseTable | None = None) -> Denoiser:
    """D(z, sigma) in EDM form from a network in its own parametrisation.

    Args:
        network: called with (input, time): time is a fractional timestep of `table`, or u in [0, 1) for flow.
        table: needed by eps, v and sample networks.
    """
    if prediction != "flow" and table is None:
        raise ValueError(f"a {prediction} network needs a noise table")

    def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
        time = flow_time_from_sigma(sigma) if table is None or prediction == "flow" else table.time_of(sigma)
        level = per_element(sigma, noisy)
        output = network(network_input(noisy, level, prediction), time)
        return clean_from_output(output, noisy, level, prediction)

    return denoise
