"""The paper's two heuristics on an image prior (its figure 8): a kernel in a limited interval, and noise scaling.

Without noise scaling the kernel draws the chain towards a clean picture at every noise level, and the network sees
pictures that are far too clean for the level that it is told. Without a limited interval the chain starts at pure noise
and the kernel acts from there on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from server.guidance.mean_shift import Paper
from server.lab.scene import Recorded, Scene, detail, rms
from server.priors.card import PriorCard
from server.recipe import CentreName

STEPS, COUNT = 30, 3
ALWAYS = (0.0, math.inf)
# (name, limited interval, noise scaling)
CONDITIONS = (
    ("neither", False, False),
    ("interval", True, False),
    ("noise scaling", False, True),
    ("both", True, True),
)
SAMPLES = "samples"


def sampler(card: PriorCard, limited: bool, scaled: bool) -> Paper:
    """The paper's sampler with the settings of the prior's card, and each heuristic on or off."""
    centre: CentreName = "inversion" if scaled else "clean"
    if limited:
        return Paper(card.sampler_steps, centre=centre, interval=card.interval, inversion_scale=card.inversion_scale)
    return Paper(
        card.sampler_steps,
        centre=centre,
        start="prior",
        interval=ALWAYS,
        sigma_min=0.02,
        sigma_max=14.0,
        inversion_scale=card.inversion_scale,
    )


def heuristics(
    scene: Scene,
    seed: int = 0,
    steps: int = STEPS,
    count: int = COUNT,
    on_step: Callable[[str], None] = lambda description: None,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Optimise `count` pictures under every condition, beside as many DDIM samples.

    Returns:
        rows of condition, interval, noise_scaling, shell_ratio (mean over the run: 1 is as noisy as the network is
        told), q (at the end), off_manifold (how far a little noise and its removal move the picture), detail and
        contrast, these three over those of the samples; and the pictures [count, 3, S, S] by condition, SAMPLES first.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = scene.draw(count, generator)
    usual = _looks(scene, drawn, seed)
    pictures = {SAMPLES: scene.pictures(drawn)}
    rows = []
    for name, limited, scaled in CONDITIONS:
        generator = torch.Generator().manual_seed(seed)
        recorded = Recorded(sampler(scene.card, limited, scaled))
        start = scene.start(count, generator)
        report = _reporter(on_step, name)
        latents, q = scene.climb(recorded, start, steps, generator, report)
        looks = _looks(scene, latents, seed)
        rows.append(
            {
                "condition": name,
                "interval": limited,
                "noise_scaling": scaled,
                "shell_ratio": sum(recorded.shells) / len(recorded.shells),
                "q": q,
                **{key: looks[key] / usual[key] for key in usual},
            }
        )
        pictures[name] = scene.pictures(latents)
    return {"prior": scene.card.name, "prompt": scene.prompt, "rows": rows}, pictures


def _reporter(on_step: Callable[[str], None], name: str) -> Callable[[int, Tensor, float], None]:
    return lambda step, latents, q: on_step(name)


def _looks(scene: Scene, latents: Tensor, seed: int) -> dict[str, float]:
    """What is compared with samples."""
    level = 2 * scene.card.bandwidth_end
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        clean = scene.denoiser()(latents + level * noise, latents.new_full((len(latents),), level))
    pictures = scene.pictures(latents)
    return {
        "off_manifold": rms(clean - latents) / level,
        "detail": detail(pictures),
        "contrast": float(pictures.flatten(1).std(1).mean()),
    }
