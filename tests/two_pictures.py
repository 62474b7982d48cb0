"""A prior of images in closed form: two pictures, each with a little spread. Its prompts name one of them, or none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from server.priors.card import PriorCard
from server.world.views import Views

SPREAD = 0.2
CARD = PriorCard("two-pictures", "of tests", "none", 64, (3, 4, 4), guidance_scale=2.0, bandwidth_start=1.5)


class TwoPictures:
    """Latents are pictures of 4 x 4 pixels, from -2 to 2."""

    card = CARD

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.means = 2 * torch.rand((2, *CARD.latent_shape), generator=generator) - 1

    def condition(self, prompt: str, views: Views | None = None) -> Tensor:
        """What is believed of each picture before anything is seen."""
        return torch.tensor([1.0, 0.0] if prompt else [0.5, 0.5])

    def encode(self, image: Tensor) -> Tensor:
        return 4 * functional.avg_pool2d(image, 16) - 2

    def decode(self, latent: Tensor) -> Tensor:
        return functional.interpolate((latent + 2) / 4, scale_factor=16.0)

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Tensor]) -> list[Tensor]:
        level = sigma.view(-1, 1, 1, 1, 1)
        variance = SPREAD**2 + level**2
        away = noisy[:, None] - self.means
        clean = self.means + SPREAD**2 / variance * away
        fit = -(away**2).flatten(2).sum(2) / (2 * variance.view(-1, 1))
        found = []
        for belief in conditions:
            share = functional.softmax(fit + belief.clamp(min=1e-30).log(), 1)
            found.append((share.view(*share.shape, 1, 1, 1) * clean).sum(1))
        return found
