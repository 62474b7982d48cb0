"""Plain samples of a prior: what it believes, without any distillation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from server.guidance.sampling import sample
from server.guidance.schedules import karras_grid
from server.priors.denoiser import Guided, Prior
from server.priors.views import Views

SIGMA_MAX = 20.0
SIGMA_MIN = 0.05


def draw_samples(
    prior: Prior,
    prompt: str,
    count: int,
    steps: int,
    seed: int,
    out: Path,
    scale: float | None = None,
    azimuth: float | None = None,
    device: str = "cpu",
    on_step: Callable[[], object] = lambda: None,
) -> int:
    """Write `count` samples side by side to `out` (PNG) and return the number of network evaluations.

    Args:
        scale: guidance scale; None takes the prior's own.
        azimuth: degrees; None leaves the view to the prior.
        on_step: called after each of the `steps` evaluations.
    """
    scale = prior.card.guidance_scale if scale is None else scale
    views = None
    if azimuth is not None:
        views = Views.orbit([azimuth] * count).to(device)
    conditional = prior.condition(prompt, views)
    unconditional = None if scale == 1.0 else prior.condition("", views)
    denoiser = Guided(prior, conditional, unconditional, scale)
    generator = torch.Generator().manual_seed(seed)
    sigmas = karras_grid(SIGMA_MIN, SIGMA_MAX, steps)

    def watched(noisy: Tensor, sigma: Tensor) -> Tensor:
        clean = denoiser(noisy, sigma)
        on_step()
        return clean

    latents = sample(watched, (count, *prior.card.latent_shape), sigmas, generator, "ddim", device=device)
    with torch.no_grad():
        images = prior.decode(latents)
    row = torch.cat(list(images), -1)
    pixels = (row.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out)
    return denoiser.calls * count
