"""Does a prior use the camera it is given? Its denoising error with the right camera and with a wrong one, beside the
error of the closed-form denoiser that has the same two cameras.

The test views belong to the exact prior's bank and lie beyond those that the embedded prior was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from server.priors.denoiser import Prior
from server.priors.exact import BANK, ExactPrior
from server.priors.parametrisation import NoiseTable
from server.world.bank import render_layers, spread_views
from server.world.captions import KINDS, Caption
from server.world.shading import palette, shade
from server.world.views import Views, draw_backgrounds

KINDS_THAT_TURN = {"duck": 180.0, "cube": 45.0, "chair": 180.0, "car": 90.0}
"""What is asked about, and how far off the wrong azimuth is, in degrees: where the pictures differ most."""

TIMES = (900, 750, 600)
HIGHEST_ELEVATION = 60.0


@dataclass(frozen=True)
class Pictures:
    """B test pictures [B, 3, S, S] in [0, 1] of one prompt and their views, backgrounds included."""

    prompt: str
    images: Tensor
    views: Views


def camera_use(
    prior: Prior, trained_views: int, count: int = 64, on_row: Callable[[], object] = lambda: None
) -> list[dict[str, Any]]:
    """One row for every kind and timestep: {"kind", "t", "right_over_exact", "wrong_over_right", "gain"}.

    The error is the mean square one of the clean image, in the prior's latents. "right_over_exact": its error with the
    right camera over that of the exact denoiser; "wrong_over_right": its error with the wrong camera over that with the
    right one; "gain": how much the right camera saves it, over how much it saves the exact denoiser (1 uses the azimuth
    fully, 0 ignores it). The prior is told the background, as in distillation, and the exact denoiser is not, so the
    first figure can be below 1: compare priors by it, and judge by the gain.

    Args:
        prior: takes a camera and a background, and has Stable Diffusion's noise levels.
        trained_views: how many of the bank's views, the first ones, it was trained on.
        count: pictures per kind.
    """
    levels = NoiseTable.scaled_linear()
    rows = []
    for number, (kind, wrong_by) in enumerate(KINDS_THAT_TURN.items()):
        pictures = _test_pictures(kind, count, prior.card.image_size, number, trained_views)
        turned = _turned(pictures.views, wrong_by)
        for t in TIMES:
            sigma = float(levels.sigma_of(torch.tensor(float(t))))
            seed = number * 1000 + t
            right, wrong = (_errors(prior, pictures, views, sigma, seed) for views in (pictures.views, turned))
            rows.append({"kind": kind, "t": t, **_compare(right, wrong)})
            on_row()
    return rows


def planned_rows() -> int:
    return len(KINDS_THAT_TURN) * len(TIMES)


def _test_pictures(kind: str, count: int, size: int, seed: int, trained_views: int) -> Pictures:
    """From views of the exact prior's bank that no training has drawn."""
    law = ExactPrior.card.cameras
    bank = spread_views(law, BANK)
    fresh = torch.arange(BANK) >= trained_views
    low = bank.elevation < math.radians(HIGHEST_ELEVATION)
    views = bank.pick((fresh & low).nonzero().squeeze(1)[:count])
    generator = torch.Generator().manual_seed(seed)
    background = draw_backgrounds(len(views), generator)
    ambient = 0.5 + 0.1 * torch.rand(len(views), generator=generator)
    caption = Caption("mesh", kind, KINDS[kind].colour)
    layers = render_layers(kind, views, size)
    images = shade(layers, palette(caption, layers.materials), background, ambient)
    views = replace(views, background=background)
    return Pictures(caption.text(), images, views)


def _turned(views: Views, degrees: float) -> Views:
    return replace(views, azimuth=views.azimuth + math.radians(degrees))


def _compare(right: dict[str, float], wrong: dict[str, float]) -> dict[str, float]:
    saved = wrong["prior"] - right["prior"]
    figures = {
        "right_over_exact": right["prior"] / right["exact"],
        "wrong_over_right": wrong["prior"] / right["prior"],
        "gain": saved / (wrong["exact"] - right["exact"]),
    }
    return {name: round(figure, 4) for name, figure in figures.items()}


@torch.no_grad()
def _errors(prior: Prior, pictures: Pictures, views: Views, sigma: float, seed: int) -> dict[str, float]:
    """Mean square errors {"prior", "exact"}, in the prior's latents, when the views are said to be `views`.

    Noise is drawn on the pixels, so that both look at the same noisy picture; this takes the prior's code to be linear
    and to keep the shape of white noise, as a code of orthonormal patch components does.
    """
    images, exact = pictures.images, ExactPrior()
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    clean = prior.encode(images)
    # Pixels are in [0, 1] at the door of a prior and in [-1, 1] behind it.
    in_latents = prior.encode(images + noise / 2) - clean
    unit = in_latents.square().mean().sqrt()
    level = torch.full((len(images),), sigma)
    answer = prior.denoise(clean + sigma * in_latents / unit, level, [prior.condition(pictures.prompt, views)])[0]
    hidden = replace(views, background=None)
    noisy_pixels = exact.encode(images + sigma * noise / (2 * unit))
    best = exact.denoise(noisy_pixels, level / unit, [exact.condition(pictures.prompt, hidden)])[0]
    errors = {"prior": answer - clean, "exact": prior.encode(exact.decode(best)) - clean}
    return {name: float(error.square().mean()) for name, error in errors.items()}
