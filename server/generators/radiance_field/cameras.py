"""Drawing training views by the law that the prior was made for."""

from __future__ import annotations

import math

import torch

from server.world.bank import draw_lenses
from server.world.camera_law import CameraLaw
from server.world.views import Views, draw_backgrounds

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def draw_views(law: CameraLaw, count: int, step: int, generator: torch.Generator) -> Views:
    """`count` views for optimisation step `step`, with random plain backgrounds.

    Azimuths follow the golden-ratio sequence over all views ever drawn, so that any few consecutive ones cover the
    circle evenly; elevations are half uniform by solid angle, half uniform over the law's lower band.
    """
    index = step * count + torch.arange(count)
    jitter = torch.rand(count, generator=generator) * 0.1
    azimuth = ((index * GOLDEN_RATIO + jitter) % 1.0).float() * 2 * math.pi
    low, high = (math.sin(math.radians(degrees)) for degrees in law.elevation)
    by_area = torch.asin(low + (high - low) * torch.rand(count, generator=generator))
    band_low, band_high = (math.radians(degrees) for degrees in law.low_elevation)
    in_band = band_low + (band_high - band_low) * torch.rand(count, generator=generator)
    elevation = torch.where(torch.rand(count, generator=generator) < 0.5, by_area, in_band)
    near, far = law.distance
    distance = near + (far - near) * torch.rand(count, generator=generator)
    fov = torch.full((count,), math.radians(law.fov))
    if law.fov_spread:
        fov, nearer = draw_lenses(law, count, generator)
        distance *= nearer
    return Views(azimuth, elevation, distance, fov, draw_backgrounds(count, generator))
