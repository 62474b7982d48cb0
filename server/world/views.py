"""A batch of views of an object: pinhole cameras that look at the origin, and the background behind it.

World axes: Z up, the object's front towards +X, the object inside the unit ball.
Image axes: row 0 is the top row, column 0 the left one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Views:
    """B cameras on their orbits.

    Attributes:
        azimuth: [B] radians, 0 looks at the object's front, growing anticlockwise seen from above.
        elevation: [B] radians, 0 is level, pi/2 looks straight down.
        distance: [B] from the origin.
        fov: [B] full field of view in radians, the same in both directions.
        background: [B, 3] colour behind the object in [0, 1], or None when it is not known.
    """

    azimuth: Tensor
    elevation: Tensor
    distance: Tensor
    fov: Tensor
    background: Tensor | None = None

    def __len__(self) -> int:
        return self.azimuth.shape[0]

    def to(self, device: torch.device | str) -> Views:
        """The same views with their numbers on `device`."""
        return self._each(lambda numbers: numbers.to(device))

    def pick(self, wanted: Tensor | slice) -> Views:
        """Some of the views, by their numbers or as a slice."""
        return self._each(lambda numbers: numbers[wanted])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Views:
        numbers: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return Views(**{name: change(value) for name, value in numbers.items() if value is not None})

    def frames(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Camera positions and the unit right, up and forward axes, each [B, 3]."""
        ca, sa = torch.cos(self.azimuth), torch.sin(self.azimuth)
        ce, se = torch.cos(self.elevation), torch.sin(self.elevation)
        outward = torch.stack([ce * ca, ce * sa, se], -1)
        # From azimuth alone, so that the axes stay defined when the camera looks straight down.
        right = torch.stack([-sa, ca, torch.zeros_like(sa)], -1)
        up = torch.stack([-se * ca, -se * sa, ce], -1)
        return outward * self.distance[:, None], right, up, -outward

    def rays(self, size: int, samples: int = 1) -> tuple[Tensor, Tensor]:
        """Rays through the centres of a size x size image, or of its samples x samples sub-pixels.

        Returns:
            origins [B, 3] and unit directions [B, size * samples, size * samples, 3].
        """
        n = size * samples
        eye, right, up, forward = self.frames()
        centres = (torch.arange(n, device=eye.device, dtype=eye.dtype) + 0.5) / n * 2 - 1
        half = torch.tan(self.fov / 2)[:, None, None, None]
        across = centres[None, None, :, None] * half * right[:, None, None, :]
        down = centres[None, :, None, None] * half * up[:, None, None, :]
        directions = forward[:, None, None, :] + across - down
        return eye, torch.nn.functional.normalize(directions, dim=-1)

    @staticmethod
    def orbit(
        azimuths_deg: list[float], elevation_deg: float = 20.0, distance: float = 3.0, fov_deg: float = 40.0
    ) -> Views:
        """Views around the object at one elevation, for turntables and tests."""
        azimuth = torch.tensor([math.radians(a) for a in azimuths_deg])
        same = torch.ones_like(azimuth)
        return Views(azimuth, same * math.radians(elevation_deg), same * distance, same * math.radians(fov_deg))


def draw_backgrounds(count: int, generator: torch.Generator) -> Tensor:
    """Plain colours [count, 3] in [0, 1], on the generator's device: a grey level with a slight tint.

    The law of the priors' own pictures and of the optimiser's renders alike. Changing backgrounds keep a field from
    painting its background.
    """
    grey = torch.rand(count, 1, generator=generator, device=generator.device)
    tint = torch.randn(count, 3, generator=generator, device=generator.device) * 0.1
    return (grey + tint).clamp(0, 1)
