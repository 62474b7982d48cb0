"""What the kernel's bandwidth does on images (the paper's figure 6): iterates of one run, and samples around each.

A wide kernel leaves the prior as it is: its samples differ from each other and from the iterate. A narrow one keeps
them at the iterate, which is right late in a run and useless early, where the iterate is no picture yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from server.guidance.noise import Fresh
from server.lab.scene import Scene, estimators, rms

BANDWIDTHS = (0.1, 0.3, 1.0, 3.0)
# Of the run: grey, a hint, a shape, the end.
SHARES = (0.0, 0.1, 0.3, 1.0)
METHODS = ("paper-inversion", "paper-random", "exact")
STEPS, DRAWS = 40, 4


def planned_steps() -> int:
    """How often `on_step` of `bandwidth` is called."""
    return STEPS + len(SHARES) * len(METHODS) * len(BANDWIDTHS)


@dataclass(frozen=True)
class Shown:
    """Attributes:
    iterate: picture [3, S, S] after so many updates.
    samples: {(method, bandwidth): pictures [draws, 3, S, S]}.
    """

    updates: int
    iterate: Tensor
    samples: dict[tuple[str, float], Tensor]


def bandwidth(
    scene: Scene,
    seed: int = 0,
    steps: int = STEPS,
    draws: int = DRAWS,
    on_step: Callable[[str], None] = lambda description: None,
) -> tuple[dict[str, Any], list[Shown]]:
    """Samples of the product density around iterates of one run of `noised`.

    Returns:
        rows of method, iterate (updates done), bandwidth, spread (RMS distance of decoded samples from their mean),
        distance (RMS of that mean from the iterate's picture), both in units of the picture's range, shell_ratio and
        calls; and the pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    known = estimators(scene.card)
    latent = scene.start(1, generator)
    iterates = {0: latent}

    def keep(step: int, latents: Tensor, q: float) -> None:
        iterates[step] = latents.clone()
        on_step("the run")

    scene.climb(known["noised"], latent, steps, generator, keep)
    rows, shown = [], []
    for share in SHARES:
        updates = round(share * steps)
        picture = scene.pictures(iterates[updates])
        samples = {}
        for method in METHODS:
            for width in BANDWIDTHS:
                x = iterates[updates].repeat(draws, 1, 1, 1)
                noise = Fresh(torch.Generator().manual_seed(seed))
                estimate = known[method](scene.denoiser(), x, width, noise)
                seen = scene.pictures(estimate.target)
                samples[method, width] = seen
                rows.append(
                    {
                        "method": method,
                        "iterate": updates,
                        "bandwidth": width,
                        "spread": rms(seen - seen.mean(0)),
                        "distance": rms(seen.mean(0) - picture[0]),
                        "shell_ratio": None if estimate.shell_ratio is None else float(estimate.shell_ratio),
                        "calls": estimate.denoiser_calls,
                    }
                )
                on_step(f"{method} after {updates}")
        shown.append(Shown(updates, picture[0], samples))
    return {"prior": scene.card.name, "prompt": scene.prompt, "rows": rows}, shown
