"""How bent surfaces are: pictures of 64 pixels say little about dents and waves, and leave walls uneven.

Differences of the second order of what views show as depth. Unlike those of the first order (Niemeyer et al. 2022,
RegNeRF) they let sides lean away from the camera: only where a side bends does it cost something, and a corner, or the
step from an object's arm to what is behind it, costs no more however sharp it is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from server.world.views import Views

# Pixels with more opacity than this show a surface.
SOLID = 0.8
# Changes of slope: below ROUND they cost by their square, from there on in proportion, and beyond SHARP hardly more. A
# right angle seen from its middle is a change of 2. At .9 edges and outlines are drawn inwards, too: a snowman's volume
# IoU falls from .943 to .934, a tree's from .920 to .914.
ROUND, SHARP = 0.05, 0.25
# Of what is divided by, in units of the ball's radius; no matter is so near to a camera.
LEAST_DEPTH = 0.1


def relief(distance: Tensor, views: Views) -> Tensor:
    """Heights [B, S, S], in pixels, whose differences from pixel to pixel are slopes; linear over what is flat.

    It is the inverse of depth along the camera's axis, which is linear over planes, on the scale that it has in the
    middle of the object.

    Args:
        distance: [B, S, S] from the camera to what each ray meets.
    """
    size = distance.shape[-1]
    _, directions = views.rays(size)
    *_, forward = views.frames()
    depth = distance * (directions * forward[:, None, None]).sum(-1)
    pixel = 2 * views.distance * torch.tan(views.fov / 2) / size
    scale = (views.distance.square() / pixel)[:, None, None]
    # Where a ray meets nothing there is no depth; what is there is not looked at.
    return -scale / depth.clamp(min=LEAST_DEPTH)


def bending(heights: Tensor, opacity: Tensor) -> Tensor:
    """Mean over the pixels, and the sum over rows and columns, of how much the surface bends there: a scalar.

    Args:
        heights: [B, S, S], of `relief`.
        opacity: [B, S, S] in [0, 1]; gets no gradient.
    """
    solid = opacity.detach() > SOLID
    total = heights.new_zeros(())
    for dim in (1, 2):
        before, here, after = (heights.narrow(dim, start, heights.shape[dim] - 2) for start in range(3))
        counts = torch.stack([solid.narrow(dim, start, solid.shape[dim] - 2) for start in range(3)]).all(0)
        change = (before - 2 * here + after)[counts]
        size = (change.square() + ROUND**2).sqrt() - ROUND
        total = total + (SHARP * (1 - torch.exp(-size / SHARP))).sum()
    return total / heights.numel()
