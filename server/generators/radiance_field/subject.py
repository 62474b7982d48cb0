"""The radiance field as a subject of optimisation: cameras, rendering, occupancy and regularisers together."""

from __future__ import annotations

from typing import Any

import torch

from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.rendering import render
from server.generators.subject import Exposure
from server.priors.card import CameraLaw

OCCUPANCY_FROM_STEP = 40
OCCUPANCY_EVERY = 10
# The first shape is a blur at any resolution; half the pixels per side draw it in a quarter of the time.
COARSE_UNTIL = 0.4
# Weights of mean opacity and of its binary entropy against half the mean squared latent error. Without the first, haze
# stays at the rim of the ball; without its ramp, the object evaporates before it has formed.
OPACITY_WEIGHT = 0.007
ENTROPY_WEIGHT = 0.02


class RadianceSubject:
    """A radiance field seen from cameras drawn by the prior's law."""

    def __init__(
        self,
        cameras: CameraLaw,
        views_per_step: int,
        size: int,
        generator: torch.Generator,
        device: str = "cpu",
        samples: int = 48,
        shape: HashGridShape = HashGridShape(),
    ) -> None:
        self.field = RadianceField(shape, generator, device)
        self.occupancy = OccupancyGrid(device=device)
        self._cameras = cameras
        self._views_per_step = views_per_step
        self._size = size
        self._samples = samples
        self._device = device

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        if step >= OCCUPANCY_FROM_STEP and step % OCCUPANCY_EVERY == 0:
            self.occupancy.refresh(self.field.density, generator)
        views = draw_views(self._cameras, self._views_per_step, step, generator).to(self._device)
        coarse = progress < COARSE_UNTIL
        size, samples = (self._size // 2, self._samples * 2 // 3) if coarse else (self._size, self._samples)
        rendering = render(self.field, self.occupancy, views, size, samples, generator)
        opacity = rendering.opacity.clamp(1e-4, 1 - 1e-4)
        entropy = -(opacity * opacity.log() + (1 - opacity) * (1 - opacity).log()).mean()
        opacity_ramp = min(1.0, progress / 0.5)
        penalty = OPACITY_WEIGHT * opacity_ramp * opacity.mean() + ENTROPY_WEIGHT * progress * entropy
        return Exposure(rendering.image, views, penalty)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.field.grid.parameters()), "lr": 1e-2},
            {"params": list(self.field.decoder.parameters()), "lr": 5e-3},
        ]
