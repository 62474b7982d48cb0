"""Colours as the prior has them without guidance, which makes what is bright brighter and what is dull duller.

A guided object's reds glare. At its end it is therefore looked at once more: one affine map of its colours, the same
all over it, brings its pictures nearest to what the unguided prior makes of them. Its shape, which needs the guidance,
stays.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from server.generators.radiance_field.cameras import draw_views
from server.priors.denoiser import Guided, Prior
from server.priors.resizing import to_side
from server.recipe import Recipe
from server.studio.plan import TONE_VIEWS
from server.world.views import Views

# Looked at together.
BATCH = 8
# A pixel with more opacity than this shows the object alone.
COVERED = 0.97
# The map stays what it is, the identity, where the object's colours say nothing: so much of their square mean.
RIDGE = 1e-3

Look = Callable[[Views], tuple[Tensor, Tensor]]
"""Images [B, 3, S, S] in [0, 1] of views, and the opacity [B, S, S]."""


@torch.no_grad()
def tone_of(look: Look, prior: Prior, recipe: Recipe, generator: torch.Generator, device: str = "cpu") -> Tensor | None:
    """The map [3, 4] from colours (red, green, blue, 1) in [0, 1] to those without guidance; None if nothing is seen.

    Costs TONE_VIEWS denoiser calls.
    """
    card = prior.card
    given, asked = [], []
    for start in range(0, TONE_VIEWS, BATCH):
        count = min(BATCH, TONE_VIEWS - start)
        views = draw_views(card.cameras, count, start // BATCH, generator).to(device)
        image, opacity = look(views)
        image, opacity = to_side(image, card.image_size), to_side(opacity[:, None], card.image_size)[:, 0]
        latent = prior.encode(image)
        bandwidth = torch.full((count,), card.tone_bandwidth, device=latent.device)
        noise = torch.randn(latent.shape, generator=generator).to(latent)
        unguided = Guided(prior, prior.condition(recipe.prompt, views))
        answer = prior.decode(unguided(latent + card.tone_bandwidth * noise, bandwidth))
        shows = opacity > COVERED
        # Both through the autoencoder, so that what it loses is lost on both sides.
        given.append(prior.decode(latent).permute(0, 2, 3, 1)[shows])
        asked.append(answer.permute(0, 2, 3, 1)[shows])
    return _affine(torch.cat(given).double().cpu(), torch.cat(asked).double().cpu())


def _affine(given: Tensor, asked: Tensor) -> Tensor | None:
    """Least squares from colours [N, 3] to colours [N, 3], with a ridge around the identity."""
    if not len(given):
        return None
    inputs = torch.cat([given, torch.ones(len(given), 1)], 1)
    ridge = RIDGE * len(given)
    identity = torch.eye(4, 3, dtype=torch.float64)
    normal = inputs.T @ inputs + ridge * torch.eye(4)
    return torch.linalg.solve(normal, inputs.T @ asked + ridge * identity).T.float()
