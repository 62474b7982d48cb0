"""How an object that forms looks from its four sides, in one picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from server.generators.radiance_field.rendering import render
from server.generators.radiance_field.subject import RadianceSubject
from server.studio.material import to_bytes
from server.world.views import Views

# Pixels along a side of each view, and steps along its rays; it is twelve times or so in a job.
SIDE, SAMPLES = 48, 32
# Front and right above, back and left below.
AZIMUTHS = [0.0, 90.0, 180.0, 270.0]
GREY, WHITE = 0.5, 1.0


def four_sides(subject: RadianceSubject, device: str, side: int = SIDE, background: float = GREY) -> NDArray[np.uint8]:
    """uint8 [2 side, 2 side, 3] in sRGB: front and right above, back and left below. Draws nothing at random and leaves
    the subject as it is."""
    around = Views.orbit(AZIMUTHS)
    grey = torch.full((len(around), 3), background)
    views = Views(around.azimuth, around.elevation, around.distance, around.fov, grey).to(device)
    with torch.no_grad():
        front, right, back, left = render(subject.field, subject.occupancy, views, side, SAMPLES).image
    return to_bytes(torch.cat([torch.cat([front, right], -1), torch.cat([back, left], -1)], -2))
