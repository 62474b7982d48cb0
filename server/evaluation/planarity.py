"""How flat a mesh is where the true object is flat: wobbling walls show in every reflection, and in no other score."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from server.evaluation.measures import Match
from server.meshing.arrays import Bools
from server.world.gbuffers import surface_normals

# A part counts as flat where the true normal is the same this far away in four directions. The thinnest legs are .11
# wide; the largest ball turns by two degrees on that way.
REACH = 0.03
MOST_TURN = 0.5
# Cameras stand above the ground: what looks down more steeply than this (cosine) is an underside that nobody saw.
UNDERSIDE = -0.5
# With less of its surface flat than this an object is not a flat one: a snowman's hat, a mug's rim.
LEAST_SHARE = 0.08


def planarity(matched: Match, kind: str) -> float | None:
    """Median angle, in degrees, between the normals of a made surface and those of the true planes it belongs to.

    Args:
        matched: the made surface first, that of a true object of this kind second. Each made point belongs to the
            plane around its nearest true point, if the surface is flat there and not an underside.

    Returns:
        0 for perfect planes; None for kinds without flat sides. Points are uniform by area, and so is the median.
    """
    flat, _ = _flat(kind, matched.second.position)
    if flat.mean() < LEAST_SHARE:
        return None
    flat, normal = _flat(kind, matched.beside_first.position)
    if not flat.any():
        return None
    # Half the chord, as the arc cosine knows nothing about small angles.
    half = np.linalg.norm(matched.first.normal[flat] - normal[flat], axis=1) / 2
    return float(np.median(np.degrees(2 * np.arcsin(half.clip(0, 1)))))


def _flat(kind: str, points: NDArray[np.float64]) -> tuple[Bools, NDArray[np.float64]]:
    """Which points [N, 3] of the true surface lie on visible planes, and the true normals [N, 3]."""
    at = torch.from_numpy(points.astype(np.float32))
    normal = surface_normals(kind, at)
    across = functional.normalize(torch.linalg.cross(normal, _least_along(normal)), dim=-1)
    along = torch.linalg.cross(normal, across)
    flat = normal[:, 2] > UNDERSIDE
    for towards in (across, -across, along, -along):
        there = surface_normals(kind, at + REACH * towards)
        flat &= (there - normal).norm(dim=1) < np.radians(MOST_TURN)
    return flat.numpy(), normal.numpy().astype(np.float64)


def _least_along(normal: torch.Tensor) -> torch.Tensor:
    """For each normal [N, 3] the axis that it has least in common with."""
    return functional.one_hot(normal.abs().argmin(1), 3).to(normal.dtype)
