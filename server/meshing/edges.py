"""The edges of a mesh."""

from __future__ import annotations

import numpy as np

from server.meshing.arrays import Triangles


def directed_edges(triangles: Triangles) -> Triangles:
    """Edges [3 F, 2] as each face runs along them: the first of every face, then the second ones, then the third."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def undirected_edges(triangles: Triangles) -> Triangles:
    """The same edges in the same order, each with its smaller vertex first."""
    edges: Triangles = np.sort(directed_edges(triangles), 1)
    return edges
