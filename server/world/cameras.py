"""Views by the law of a prior: the same for its training pictures and for the optimiser's renders."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from server.world.camera_law import CameraLaw
from server.world.views import Views


def law_views(
    law: CameraLaw, turn: Tensor, half: Tensor, area: Tensor, band: Tensor, near: Tensor, wide: Tensor | None = None
) -> Views:
    """B views, without backgrounds, from numbers [B] in [0, 1).

    Args:
        turn: azimuth, in turns.
        half: below 1/2 the elevation is taken from `area`, above from `band`.
        area, band: elevation, uniform by solid angle over the law's whole range, or uniform over its lower band.
        near: distance over the law's range.
        wide: field of view over the law's range; None is its middle.
    """
    low, high = (math.sin(math.radians(degrees)) for degrees in law.elevation)
    band_low, band_high = (math.radians(degrees) for degrees in law.low_elevation)
    by_area, in_band = torch.asin(low + (high - low) * area), band_low + (band_high - band_low) * band
    elevation = torch.where(half < 0.5, by_area, in_band)
    distance = law.distance[0] + (law.distance[1] - law.distance[0]) * near
    fov = torch.full_like(elevation, math.radians(law.fov))
    if wide is not None:
        fov += math.radians(law.fov_spread) * (2 * wide - 1)
        distance *= math.sin(math.radians(law.fov) / 2) / torch.sin(fov / 2)
    return Views(turn * 2 * math.pi, elevation, distance, fov)
