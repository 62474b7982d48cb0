"""Flat sides made flat: views that disagree a little leave walls that wobble over many faces, which a filter that keeps
the shape lets pass.

Normals become weighted means of those around them that face nearly the same way, again and again, and the vertices
follow: the bilateral normal filter of Zheng, Fu, Au and Tai ("Bilateral normal filtering for mesh denoising", 2011,
local and iterative), with the vertex updates of Sun, Rosin, Martin and Langbein ("Fast and effective feature-preserving
mesh denoising", 2007). Edges between sides stay where they are. What is bent tightly, as a stem, falls into facets on
the way; at the end sides hear of those that lean a little more, which rounds it again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from server.meshing.arrays import Floats, Triangles, area_vectors

# Normals whose difference is this long, or nine degrees, count for .61 of what they would if they were the same.
ALIKE = 0.15
# With a round for so many faces, one hears of what is a few hundredths of the ball away, however fine the mesh is.
FACES_OF_A_ROUND, MOST_ROUNDS = 700, 150
# The last rounds: 17 degrees, between a facet and the next, and far from an edge.
LEANING, LAST_ROUNDS = 0.3, 8
UPDATES = 20
# Of the coarse mesh: what a vertex of the fine one moves with.
NEAREST = 4
LEAST = 1e-12


def flatten(vertices: Floats, triangles: Triangles, should_stop: Callable[[], object] = lambda: None) -> Floats:
    """The vertices of a mesh whose nearly flat parts are flat.

    Args:
        should_stop: asked in every round; may raise.
    """
    if not len(triangles):
        return vertices
    places = vertices.astype(np.float64)
    at_vertex = _faces_of_vertices(len(vertices), triangles)
    own, _ = _normals(places, triangles)
    flat = _filtered(places, triangles, at_vertex, should_stop)
    # Planes through the faces of a ball lie inside it: what the update would do for a mesh's own normals is no
    # flattening, but shrinking.
    moved = _updated(places, triangles, at_vertex, flat, should_stop)
    shrunk = _updated(places, triangles, at_vertex, own, should_stop)
    return (places + moved - shrunk).astype(np.float32)


def follow(vertices: Floats, before: Floats, after: Floats) -> Floats:
    """The vertices of a finer mesh of the same surface, moved as those around them in a coarse one have moved."""
    distance, nearest = cKDTree(before).query(vertices, k=min(NEAREST, len(before)))
    shape = (len(vertices), -1)
    weight = 1 / np.maximum(distance.reshape(shape), 1e-6)
    moved = (after - before)[nearest.reshape(shape)]
    shift = (weight[..., None] * moved).sum(1) / weight.sum(1, keepdims=True)
    return (vertices + shift).astype(np.float32)


def _updated(
    places: NDArray[np.float64],
    triangles: Triangles,
    at_vertex: sparse.csr_matrix,
    normals: NDArray[np.float64],
    should_stop: Callable[[], object],
) -> NDArray[np.float64]:
    """The vertices [V, 3], moved to where their faces have these normals [F, 3]."""
    degree = np.maximum(np.asarray(at_vertex.sum(1)), 1)
    # The mean over the faces of a vertex of n n^T (centre - vertex): n n^T stays, the centres move.
    outer = (at_vertex @ (normals[:, :, None] * normals[:, None, :]).reshape(-1, 9)).reshape(-1, 3, 3)
    for _ in range(UPDATES):
        should_stop()
        centres = places[triangles].mean(1)
        towards = at_vertex @ (normals * (normals * centres).sum(1, keepdims=True))
        places = places + (towards - np.einsum("vij,vj->vi", outer, places)) / degree
    return places


def _filtered(
    places: NDArray[np.float64],
    triangles: Triangles,
    at_vertex: sparse.csr_matrix,
    should_stop: Callable[[], object],
) -> NDArray[np.float64]:
    """Unit normals [F, 3] of the faces once they have heard of each other."""
    normals, area = _normals(places, triangles)
    # Which faces share a vertex, each with itself, too.
    heard = (at_vertex.T @ at_vertex).tocsr()
    of, other = np.repeat(np.arange(len(triangles), dtype=heard.indices.dtype), np.diff(heard.indptr)), heard.indices
    # Axis by axis: numbers that lie side by side are fetched in half of the time.
    apart = np.sqrt(sum((axis[of] - axis[other]) ** 2 for axis in np.ascontiguousarray(places[triangles].mean(1).T)))
    reach = max(float(apart.mean()), LEAST)
    near = area[other] * np.exp(-(apart**2) / (2 * reach**2))
    rounds = min(MOST_ROUNDS, -(-len(triangles) // FACES_OF_A_ROUND))
    for width in [ALIKE] * rounds + [LEANING] * min(LAST_ROUNDS, rounds):
        should_stop()
        x, y, z = np.ascontiguousarray(normals.T)
        alike = 1 - (x[of] * x[other] + y[of] * y[other] + z[of] * z[other])  # half the square of the difference
        heard.data = near * np.exp(-alike / width**2)
        normals = heard @ normals
        normals /= np.maximum(np.linalg.norm(normals, axis=1), LEAST)[:, None]
    return normals


def _normals(places: NDArray[np.float64], triangles: Triangles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit normals [F, 3] of the faces, and twice their areas [F]."""
    normals = area_vectors(places[triangles])
    area = np.linalg.norm(normals, axis=1)
    return normals / np.maximum(area, LEAST)[:, None], area


def _faces_of_vertices(count: int, triangles: Triangles) -> sparse.csr_matrix:
    """[V, F]: 1 where a face has a vertex."""
    faces = np.repeat(np.arange(len(triangles)), 3)
    ones = np.ones(len(faces))
    return sparse.csr_matrix((ones, (triangles.ravel(), faces)), (count, len(triangles)))
