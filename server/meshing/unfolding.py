"""Faces that were turned over while a surface was moved, laid out again: each would be a dark speck in any light."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from server.meshing.arrays import Floats, Triangles, area_vectors
from server.meshing.edges import adjacency
from server.meshing.tangents import smooth_normals

# Cosine of the angle that a face may turn by, 45 degrees. Flattening leans sides by a few.
TURNED = 0.7
# Almost all lie flat after five; what was folded before the move stays.
MOST_ROUNDS = 24


def unfold(
    before: Floats, after: Floats, triangles: Triangles, should_stop: Callable[[], object] = lambda: None
) -> Floats:
    """The vertices `after` [V, 3] a move, with hardly a face turned by more than 45 degrees from where it was `before`.

    Vertices of such faces are spread out between their neighbours, along the surface as it was: flat sides stay flat,
    and edges where they are.

    Args:
        should_stop: asked in every round; may raise.
    """
    around = adjacency(len(before), triangles)
    count = np.maximum(np.asarray(around.sum(1)), 1)
    outward = smooth_normals(before, triangles)
    places = after.astype(np.float64)
    for _ in range(MOST_ROUNDS):
        should_stop()
        turned = _cosines(before, places.astype(np.float32), triangles) < TURNED
        if not turned.any():
            break
        here = np.unique(triangles[turned])
        towards = ((around @ places) / count - places)[here]
        places[here] += towards - (towards * outward[here]).sum(1, keepdims=True) * outward[here]
    unfolded: Floats = places.astype(np.float32)
    return unfolded


def _cosines(before: Floats, after: Floats, triangles: Triangles) -> Floats:
    """[F]: of the angle that each face has turned by; 1 for faces without an area."""
    one, other = area_vectors(before[triangles]), area_vectors(after[triangles])
    size = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines: Floats = np.divide((one * other).sum(1), size, out=np.ones_like(size), where=size > 0)
    return cosines
