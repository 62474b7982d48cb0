"""The edges of a mesh."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from server.meshing.arrays import Triangles


def directed_edges(triangles: Triangles) -> Triangles:
    """Edges [3 F, 2] as each face runs along them: the first of every face, then the second ones, then the third."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def undirected_edges(triangles: Triangles) -> Triangles:
    """The same edges in the same order, each with its smaller vertex first."""
    edges: Triangles = np.sort(directed_edges(triangles), 1)
    return edges


def adjacency(count: int, triangles: Triangles) -> sparse.csr_matrix:
    """Symmetric 0/1 matrix [count, count] of vertices that share an edge."""
    ends = directed_edges(triangles)
    ends = np.concatenate([ends, ends[:, ::-1]])
    matrix = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
    matrix.data[:] = 1.0
    return matrix
