"""Colours as the prior has them without guidance, which makes what is bright brighter and what is dull duller.

A guided object's reds glare. At its end it is therefore looked at once more: one affine map of its colours, the same
all over it, brings its pictures nearest to what the unguided prior makes of them. Its shape, which needs the guidance,
stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field import RadianceField
from server.priors.denoiser import Guided, Prior
from server.priors.resizing import to_side
from server.studio.assignment import Assignment
from server.studio.climb import step_generator
from server.studio.optimisation import Outcome
from server.studio.plan import TONE_VIEWS, tone_calls
from server.world.views import Views

# Looked at together.
BATCH = 8
# A pixel with more opacity than this shows the object alone.
COVERED = 0.97
# The map stays what it is, the identity, where the object's colours say nothing: so much of their square mean.
RIDGE = 1e-3


class Toned(Protocol):
    """A subject of optimisation that is made of a field's colours."""

    field: RadianceField

    def look(self, views: Views) -> tuple[Tensor, Tensor, Tensor]:
        """Images [B, 3, S, S] in [0, 1] of views, the opacity [B, S, S] of what has the field's colours, and the light
        [B, S, S] on them."""


def tone_down(subject: Toned, asked: Assignment, outcome: Outcome) -> Outcome:
    """Give the field its tone, where that is asked for; the outcome with the calls that it cost."""
    recipe, prior = asked.recipe, asked.prior
    calls = tone_calls(recipe, prior.card)
    if calls:
        generator = step_generator(recipe.seed, recipe.steps)
        subject.field.tone = tone_of(subject, prior, recipe.prompt, generator, asked.device)
    return replace(outcome, denoiser_calls=outcome.denoiser_calls + calls)


@torch.no_grad()
def tone_of(
    subject: Toned, prior: Prior, prompt: str, generator: torch.Generator, device: str = "cpu"
) -> Tensor | None:
    """The map [3, 4] from colours (red, green, blue, 1) in [0, 1] to those without guidance; None if nothing is seen.

    Costs TONE_VIEWS denoiser calls.
    """
    card = prior.card
    given, asked, lights = [], [], []
    for start in range(0, TONE_VIEWS, BATCH):
        count = min(BATCH, TONE_VIEWS - start)
        views = draw_views(card.cameras, count, start // BATCH, generator).to(device)
        image, opacity, light = subject.look(views)
        image, maps = (to_side(each, card.image_size) for each in (image, torch.stack([opacity, light], 1)))
        latent = prior.encode(image)
        bandwidth = torch.full((count,), card.tone_bandwidth, device=latent.device)
        noise = torch.randn(latent.shape, generator=generator).to(latent)
        unguided = Guided(prior, prior.condition(prompt, views))
        answer = prior.decode(unguided(latent + card.tone_bandwidth * noise, bandwidth))
        shows = maps[:, 0] > COVERED
        lights.append(maps[:, 1][shows])
        # Both through the autoencoder, so that what it loses is lost on both sides.
        given.append(prior.decode(latent).permute(0, 2, 3, 1)[shows])
        asked.append(answer.permute(0, 2, 3, 1)[shows])
    return _affine(*(torch.cat(parts).double().cpu() for parts in (given, asked, lights)))


def _affine(given: Tensor, asked: Tensor, light: Tensor) -> Tensor | None:
    """Least squares from lit colours [N, 3] to lit colours [N, 3], with a ridge around the identity; the map [3, 4] of
    colours under a light of 1. None without colours that are numbers."""
    if not len(given):
        return None
    inputs = torch.cat([given, light[:, None]], 1)
    ridge = RIDGE * len(given)
    identity = torch.eye(4, 3, dtype=torch.float64)
    normal = inputs.T @ inputs + ridge * torch.eye(4)
    tone = torch.linalg.solve(normal, inputs.T @ asked + ridge * identity).T.float()
    # An answer that is no number must not take the object with it.
    return tone if tone.isfinite().all() else None
