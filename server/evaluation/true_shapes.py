"""The procedural objects as they are, in the forms that meshes are compared with."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from server.evaluation.measures import outlines, sample_surface, voxel_centres
from server.meshing.arrays import Bools, Floats, Triangles
from server.meshing.fields import from_torch
from server.meshing.surface import extract_surface
from server.world.shapes import signed_distance

VOXELS = 112
# A mesh of the true shape needs no more than the finest mesh that it is compared with.
TRUE_RESOLUTION = 128


@cache
def true_mesh(kind: str) -> tuple[Floats, Triangles]:
    """Vertices [V, 3] in field axes and triangles [F, 3] of a procedural object."""

    def density(points: Tensor) -> Tensor:
        return torch.exp((-60 * signed_distance(kind, points)).clamp(-20, 20))

    return extract_surface(from_torch(density), TRUE_RESOLUTION, level=1.0)


@cache
def true_outlines(kind: str) -> Bools:
    """As server.evaluation.measures.outlines."""
    return outlines(*true_mesh(kind))


@cache
def true_places(kind: str) -> cKDTree:
    """Points all over the true surface, as dense as `match` has them."""
    return cKDTree(sample_surface(*true_mesh(kind), 100_000, np.random.default_rng(0)).position)


@cache
def true_voxels(kind: str) -> Bools:
    """bool [VOXELS, VOXELS, VOXELS], true inside."""

    def distance(points: Tensor) -> Tensor:
        return signed_distance(kind, points)

    return from_torch(distance)(voxel_centres(VOXELS)).reshape(VOXELS, VOXELS, VOXELS) < 0
