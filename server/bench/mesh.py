"""Seconds of each meshing phase on a field made from a known shape; the time its evaluation takes is left out."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from server.errors import BadRequest
from server.meshing.arrays import Floats
from server.meshing.export import write_glb, write_maps, write_npz
from server.meshing.field_mesh import mesh_field
from server.meshing.fields import from_torch
from server.recipe import MeshRecipe
from server.world.captions import KINDS
from server.world.shapes import signed_distance

# Density falls by e every 1 / SHARPNESS across the surface, and its logarithm carries noise of GRAIN, as in a trained
# field: a perfectly smooth one would be reduced and unwrapped faster.
SHARPNESS = 60.0
GRAIN = 0.4


class TimedField:
    """A field that knows how long it was asked.

    Attributes:
        seconds: spent in `density` and `colour` so far.
    """

    def __init__(self, kind: str) -> None:
        self.seconds = 0.0
        grain = torch.randn(1, 1, 48, 48, 48, generator=torch.Generator().manual_seed(0)) * GRAIN

        def density(points: Tensor) -> Tensor:
            noise = torch.nn.functional.grid_sample(grain, points.view(1, 1, 1, -1, 3), align_corners=True).view(-1)
            return torch.exp((1 + noise - SHARPNESS * signed_distance(kind, points)).clamp(-20, 5))

        self._density = from_torch(density)

    def density(self, points: Floats) -> Floats:
        since = time.perf_counter()
        values = self._density(points)
        self.seconds += time.perf_counter() - since
        return values

    def colour(self, points: Floats) -> Floats:
        since = time.perf_counter()
        values = (np.sin(points * 25) * np.float32(0.4) + np.float32(0.5)).astype(np.float32)
        self.seconds += time.perf_counter() - since
        return values


def bench_mesh(
    kind: str = "duck", faces: int = 20_000, texture_size: int = 1024, resolution: int = 112
) -> dict[str, Any]:
    """Finish a field of a known shape, and write its files.

    Args:
        kind: a key of priors.captions.KINDS.

    Returns:
        {"phases": {name: seconds without field evaluation}, "total": their sum, "field": seconds of field evaluation,
         "report": of server.meshing.field_mesh.mesh_field}

    Raises:
        BadRequest: "shape-unknown".
    """
    if kind not in KINDS:
        raise BadRequest("shape-unknown", f"There is no shape {kind!r}.", f"Known: {', '.join(KINDS)}.")
    field = TimedField(kind)
    phases: dict[str, float] = {}
    entered = ("", 0.0, 0.0)

    def on_phase(phase: str, done: float) -> None:
        nonlocal entered
        now = time.perf_counter()
        name, since, asked = entered
        if name:
            phases[name] = phases.get(name, 0.0) + now - since - (field.seconds - asked)
        entered = (phase, now, field.seconds)

    recipe = MeshRecipe(resolution=resolution, faces=faces, texture_size=texture_size)
    made = mesh_field(field.density, field.colour, recipe, on_phase)
    with tempfile.TemporaryDirectory() as name:
        on_phase("Saving", 1.0)
        folder = Path(name)
        write_npz(made.mesh, folder / "mesh.npz", made.texture)
        write_glb(made.mesh, folder / "mesh.glb", texture=made.texture)
        if made.texture is not None:
            write_maps(made.texture, folder / "albedo.png", folder / "normal.png")
        on_phase("Done", 1.0)
    return {
        "phases": {name: round(seconds, 3) for name, seconds in phases.items()},
        "total": round(sum(phases.values()), 3),
        "field": round(field.seconds, 3),
        "report": made.report,
    }
