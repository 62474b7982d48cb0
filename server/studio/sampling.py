"""Plain samples of a prior: what it believes, without any distillation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from server import __version__
from server.guidance.sampling import sample
from server.guidance.schedules import karras_grid
from server.png import write_png
from server.priors.denoiser import Guided, Prior
from server.world.views import Views

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
    """Write `count` samples side by side to `out`, a PNG that carries its recipe, and return the number of network
    evaluations.

    Args:
        scale: guidance scale; None takes the prior's own.
        azimuth: degrees; None leaves the view to the prior.
        on_step: called after each of the `steps` evaluations.
    """
    views = None if azimuth is None else Views.orbit([azimuth] * count).to(device)
    generator = torch.Generator().manual_seed(seed)
    sigmas = karras_grid(SIGMA_MIN, SIGMA_MAX, steps)
    images, calls = draw_pictures(prior, prompt, count, views, sigmas, generator, scale, device, on_step)
    row = torch.cat(list(images), -1)
    recipe = {
        "kind": "sample",
        "prompt": prompt,
        "seed": seed,
        "prior": prior.card.name,
        "count": count,
        "steps": steps,
        "scale": prior.card.guidance_scale if scale is None else scale,
        "azimuth": azimuth,
        "version": __version__,
    }
    write_png(out, (row * 255).round().byte().permute(1, 2, 0).numpy(), json.dumps(recipe, ensure_ascii=False))
    return calls


def draw_pictures(
    prior: Prior,
    prompt: str,
    count: int,
    views: Views | None,
    sigmas: Sequence[float],
    generator: torch.Generator,
    scale: float | None = None,
    device: str = "cpu",
    on_step: Callable[[], object] = lambda: None,
) -> tuple[Tensor, int]:
    """DDIM samples [count, 3, S, S] in [0, 1], on the CPU, and the number of network evaluations they took.

    Args:
        views: `count` of them, or None to leave them to the prior.
        sigmas: noise levels, falling.
        scale, on_step: as `draw_samples`.
    """
    scale = prior.card.guidance_scale if scale is None else scale
    conditional = prior.condition(prompt, views)
    unconditional = None if scale == 1.0 else prior.condition("", views)
    denoiser = Guided(prior, conditional, unconditional, scale)

    def watched(noisy: Tensor, sigma: Tensor) -> Tensor:
        clean = denoiser(noisy, sigma)
        on_step()
        return clean

    latents = sample(watched, (count, *prior.card.latent_shape), sigmas, generator, "ddim", device=device)
    with torch.no_grad():
        return prior.decode(latents).clamp(0, 1).cpu(), denoiser.calls * count
