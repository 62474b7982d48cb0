"""A prior whose every answer is known: Gaussian fields around a grey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from server.priors.card import Leg, PriorCard
from server.world.views import Views

GREY = 0.4


class Wiener:
    """Its denoiser is Wiener's filter.

    Args:
        side: pixels of its pictures, which are their own latents.
        belief: [side, side] variance at each frequency, at each call, counted from 0.
        more: of its card.
    """

    def __init__(self, side: int, belief: Callable[[int], Tensor], **more: Any) -> None:
        path = (Leg("attached", 5.0, 0.02),)
        self.card = PriorCard("wiener", "", "", side, (3, side, side), guidance_scale=1.0, picture=path, **more)
        self._belief = belief
        self.asked = 0

    def condition(self, prompt: str, views: Views | None = None) -> str:
        return prompt

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        belief = self._belief(self.asked)
        self.asked += 1
        trust = belief / (belief + sigma.view(-1, 1, 1, 1) ** 2)
        clean = GREY + torch.fft.ifft2(trust * torch.fft.fft2(noisy - GREY)).real
        return [clean for _ in conditions]

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent
