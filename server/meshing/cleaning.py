"""Make a marching-cubes mesh fit for an artist: no dust, no broken faces, no staircase."""

from __future__ import annotations

import numpy as np
import trimesh
from scipy.sparse.csgraph import connected_components

from server.meshing.arrays import Floats, Triangles
from server.meshing.edges import adjacency

# Taubin's pass-band filter: lambda, mu of "Curve and surface smoothing without shrinkage" (1995), k_PB = 0.1.
TAUBIN_LAMBDA = 0.5
TAUBIN_MU = -0.53


def clean(
    vertices: Floats, triangles: Triangles, smallest_share: float = 0.02, rounds: int = 2
) -> tuple[Floats, Triangles]:
    """Drop small components and degenerate faces, then smooth.

    Args:
        smallest_share: components with fewer than this share of all faces are dropped; the largest always stays.
        rounds: Taubin smoothing rounds, each one shrinking and one growing step.
    """
    vertices, triangles = drop_small_components(vertices, triangles, smallest_share)
    vertices, triangles = drop_degenerate(vertices, triangles)
    return taubin_smooth(vertices, triangles, rounds), triangles


def drop_small_components(vertices: Floats, triangles: Triangles, smallest_share: float) -> tuple[Floats, Triangles]:
    """Keep connected components with at least `smallest_share` of the faces, and the largest in any case."""
    _, component = connected_components(adjacency(len(vertices), triangles), directed=False)
    of_face = component[triangles[:, 0]]
    sizes = np.bincount(of_face)
    keep = sizes >= smallest_share * len(triangles)
    keep[sizes.argmax()] = True
    return _without_loose_vertices(vertices, triangles[keep[of_face]])


def drop_degenerate(vertices: Floats, triangles: Triangles) -> tuple[Floats, Triangles]:
    """Remove faces that name a vertex twice."""
    a, b, c = triangles.T
    return _without_loose_vertices(vertices, triangles[(a != b) & (b != c) & (c != a)])


def drop_folds(vertices: Floats, triangles: Triangles) -> tuple[Floats, Triangles]:
    """Remove faces that have all their corners in common with another: two lie back to back and enclose nothing.

    Edge collapse leaves them of thin sheets. What was closed stays closed; Blender would take one of the two away and
    leave a hole.
    """
    _, same, count = np.unique(np.sort(triangles, axis=1), axis=0, return_inverse=True, return_counts=True)
    return _without_loose_vertices(vertices, triangles[count[same.reshape(-1)] == 1])


def taubin_smooth(vertices: Floats, triangles: Triangles, rounds: int) -> Floats:
    """Taubin smoothing with uniform weights: removes the staircase without shrinking the shape."""
    neighbours = adjacency(len(vertices), triangles)
    degree = np.maximum(np.asarray(neighbours.sum(1)), 1)
    smooth = vertices.astype(np.float64)
    for _ in range(rounds):
        for factor in (TAUBIN_LAMBDA, TAUBIN_MU):
            smooth = smooth + factor * (neighbours @ smooth / degree - smooth)
    return smooth.astype(np.float32)


def is_watertight(triangles: Triangles) -> bool:
    """Whether every edge belongs to exactly two faces that run along it in opposite directions."""
    mesh = trimesh.Trimesh(np.zeros((int(triangles.max(initial=0)) + 1, 3)), triangles, process=False)
    return bool(mesh.is_watertight and mesh.is_winding_consistent)


def _without_loose_vertices(vertices: Floats, triangles: Triangles) -> tuple[Floats, Triangles]:
    used, packed = np.unique(triangles, return_inverse=True)
    return np.ascontiguousarray(vertices[used]), packed.reshape(triangles.shape).astype(np.int32)
