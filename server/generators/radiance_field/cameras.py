"""Drawing training views by the law that the prior was made for."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from server.world.camera_law import CameraLaw
from server.world.cameras import law_views
from server.world.views import Views, draw_backgrounds

GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def draw_views(law: CameraLaw, count: int, step: int, generator: torch.Generator) -> Views:
    """`count` views for optimisation step `step`, with random plain backgrounds.

    Azimuths follow the golden-ratio sequence over all views ever drawn, so that any few consecutive ones cover the
    circle evenly; the rest is drawn by the law.
    """

    def draw() -> torch.Tensor:
        return torch.rand(count, generator=generator)

    index = step * count + torch.arange(count)
    turn = ((index * GOLDEN_RATIO + draw() * 0.1) % 1.0).float()
    area, band, half, near = draw(), draw(), draw(), draw()
    views = law_views(law, turn, half, area, band, near, draw() if law.fov_spread else None)
    return replace(views, background=draw_backgrounds(count, generator))
