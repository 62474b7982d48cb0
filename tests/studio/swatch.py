"""The smallest prior and the smallest subject that the loop can run with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from server.generators.subject import Exposure
from server.priors.card import Leg, PriorCard
from server.world.views import Views

MODE = torch.tensor([0.2, 0.7, 0.4]).view(1, 3, 1, 1)


class OneColour:
    """A prior that believes in one plain colour, N(MODE, 0.1^2): its denoiser is the closed form for a Gaussian."""

    card = PriorCard(
        "one colour",
        "",
        "",
        image_size=4,
        latent_shape=(3, 4, 4),
        guidance_scale=1.0,
        estimator="tweedie",
        picture_estimator="tweedie",
        bandwidth_end=0.1,
        picture=(Leg("fresh", 1.2, 0.1),),
    )

    def condition(self, prompt: str, views: Views | None = None) -> str:
        return prompt

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        trust = (0.1**2 / (0.1**2 + sigma**2)).view(-1, 1, 1, 1)
        return [MODE + trust * (noisy - MODE) for _ in conditions]

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent


class Swatch:
    """The simplest subject: one colour, seen as a flat image."""

    def __init__(self, bad_steps: Sequence[int] = (), unseen_steps: Sequence[int] = ()) -> None:
        self.colour = nn.Parameter(torch.full((3,), 0.5))
        self._bad_steps = bad_steps
        self._unseen_steps = unseen_steps

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        image = self.colour.view(1, 3, 1, 1).expand(2, 3, 4, 4)
        if step in self._bad_steps:
            image = image * float("nan")
        return Exposure(image, None, image.new_zeros(()), visible=0.0 if step in self._unseen_steps else 1.0)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.colour], "lr": 0.05}]

    def state(self) -> dict[str, Tensor]:
        return {"colour": self.colour}

    def restore(self, state: dict[str, Tensor]) -> None:
        with torch.no_grad():
            self.colour.copy_(state["colour"])

    def lighten(self) -> str | None:
        return None
