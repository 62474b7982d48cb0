"""How noisy the estimators are on an image prior (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from server.guidance.noise import Fresh
from server.lab.scene import Scene, estimators
from server.lab.variance import variance_row

BANDWIDTHS = (0.1, 0.3, 1.0, 3.0)
METHODS = ("sds", "noised", "exact", "paper-random", "paper-inversion", "paper", "tweedie")
POINTS, DRAWS = 3, 6


def image_variance(
    scene: Scene,
    points: int = POINTS,
    draws: int = DRAWS,
    seed: int = 0,
    on_row: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """As `server.lab.variance.variance`, at DDIM samples noised by the bandwidth.

    Returns:
        rows of method, bandwidth, noise_to_signal, calls, shell_ratio.
    """
    generator = torch.Generator().manual_seed(seed)
    clean = scene.draw(points, generator)
    known = estimators(scene.card)
    rows = []
    for method in METHODS:
        for bandwidth in BANDWIDTHS:
            generator = torch.Generator().manual_seed(seed)
            x = clean + bandwidth * torch.randn(clean.shape, generator=generator)
            shifts = []
            for _ in range(draws):
                estimate = known[method](scene.denoiser(), x, bandwidth, Fresh(generator))
                shifts.append((estimate.target - x).flatten(1))
            rows.append(variance_row(method, bandwidth, torch.stack(shifts), estimate))
            on_row()
    return {"prior": scene.card.name, "prompt": scene.prompt, "rows": rows}
