"""How many faces a shape has. Of a two-headed duck, the view from behind is a front view (the "Janus" problem)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.pictures import render
from server.training.view_judge import KINDS_WITH_A_FRONT, SIZE, ViewJudge
from server.world.views import Views

# Degrees of azimuth around the back, and of elevation: at eye level a chair looks alike from the front and from behind.
BEHIND = (140.0, 160.0, 180.0, 200.0, 220.0)
ELEVATIONS = (15.0, 25.0, 35.0)


def faces(judge: ViewJudge, mesh: MeshArrays, texture: Texture | None, kind: str) -> dict[str, float | None]:
    """How many faces a mesh has: {"janus": share of the views from behind that are taken for front views, "facing": the
    same of views from the front}; None for kinds without a front.

    A good mesh has 0 and 1. A shape without any face has 0 and 0, and one with a face everywhere 1 and 1.
    """
    if kind not in KINDS_WITH_A_FRONT:
        return {"janus": None, "facing": None}
    behind, before = (
        judge.shares(_pictures(mesh, texture, [azimuth + turn for azimuth in BEHIND]), kind)["front"]
        for turn in (0.0, 180.0)
    )
    return {"janus": behind, "facing": before}


def _pictures(mesh: MeshArrays, texture: Texture | None, azimuths: Sequence[float]) -> Tensor:
    """[len(azimuths) * len(ELEVATIONS), 3, SIZE, SIZE]"""
    found = []
    for elevation in ELEVATIONS:
        found += render(mesh, Views.orbit(list(azimuths), elevation), SIZE, texture=texture)
    return torch.from_numpy(np.stack(found)).movedim(-1, 1).float() / 255
