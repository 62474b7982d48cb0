"""Views spread evenly over a camera law, and the layers of an object seen from them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from server.world.camera_law import CameraLaw
from server.world.cameras import law_views
from server.world.gbuffers import render_gbuffer
from server.world.shading import Layers, to_layers
from server.world.shapes import materials_of
from server.world.views import Views


def spread_views(law: CameraLaw, count: int, start: int = 0) -> Views:
    """`count` views that follow `law` evenly: points of the R sequence (Roberts 2018) from its `start`-th on."""
    index = torch.arange(start + 1, start + count + 1, dtype=torch.float64)
    root = 1.1673039782614187  # positive root of x^5 = x + 1
    u = torch.stack([(0.5 + index * root ** -(k + 1)) % 1 for k in range(4)], 1).float()
    turn, half, height, distance = u.unbind(1)
    return law_views(law, turn, half, height, height, distance)


def render_layers(kind: str, views: Views, size: int) -> Layers:
    """The layers of `kind` from `views`, chunk by chunk so that memory stays small."""
    return to_layers(render_gbuffer(kind, views, size), materials_of(kind))


class LazyBank:
    """The layers of one object from a fixed set of views, each rendered when it is first asked for."""

    def __init__(self, kind: str, views: Views, size: int) -> None:
        self._kind = kind
        self._views = views
        self._size = size
        shape = (len(views), len(materials_of(kind)), size, size)
        self._layers = Layers(
            materials_of(kind), torch.zeros(shape, dtype=torch.uint8), torch.zeros(shape, dtype=torch.uint8)
        )
        self._ready = torch.zeros(len(views), dtype=torch.bool)

    def pick(self, wanted: Tensor) -> Layers:
        """The layers of the views with the numbers `wanted` [m]."""
        missing = wanted[~self._ready[wanted]].unique()
        if len(missing):
            fresh = render_layers(self._kind, self._views.pick(missing), self._size)
            self._layers.cover[missing] = fresh.cover
            self._layers.lit[missing] = fresh.lit
            self._ready[missing] = True
        return self._layers.pick(wanted)


def in_view(views: Views, side: str) -> Tensor:
    """Which views show a side of the object that has a name ("front", "side", "back", "overhead"), bool [B]."""
    overhead = views.elevation > math.radians(60)
    towards_front = torch.cos(views.azimuth)
    edge = math.cos(math.radians(45))
    sides = {
        "overhead": overhead,
        "front": ~overhead & (towards_front > edge),
        "back": ~overhead & (towards_front < -edge),
        "side": ~overhead & (towards_front.abs() <= edge),
    }
    return sides[side]
