"""Unwrapping that cannot fail to end: faces seen straight on from the six sides of a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from server.errors import JobFailed
from server.meshing.arrays import Floats, Triangles, area_vectors
from server.meshing.coverage import cover
from server.meshing.edges import undirected_edges

Labels = NDArray[np.int64]

# Texels around a chart, in turn, until all charts fit.
GUTTERS = (4, 2, 1)
# A face joins the side that its neighbours are seen from, if it is seen from there at less than 75 degrees.
STEEPEST = 0.26
SMOOTHING_ROUNDS = 3
# Faces that hide others from their side are lifted to a layer of their own, at most this often.
LAYERS = 4
# How finely overlaps are looked for, in cells along the mesh's longest side.
OVERLAP_CELLS = 512
# Coarser than that when the faces together span more cells.
OVERLAP_WORK = 1_000_000
SIDES = 6


def box_project(vertices: Floats, triangles: Triangles, size: int) -> Floats:
    """UV float32 [F, 3, 2] in [0, 1] of every face's corners, on a square texture of size^2 texels.

    Raises:
        JobFailed: "charts-do-not-fit".
    """
    corners = vertices[triangles].astype(np.float64)
    pairs = neighbours(triangles)
    side = _sides(corners, pairs)
    flat = _seen_from(corners, side)
    layer = np.zeros_like(side)
    for round_ in range(LAYERS):
        chart = _components(pairs, side + SIDES * layer, len(triangles))
        hiding = _hiding(flat, chart)
        if not hiding.any():
            break
        layer[hiding] = round_ + 1
    # What still overlaps after that gets a chart of its own, face by face.
    chart[hiding] = chart.max() + 1 + np.arange(np.count_nonzero(hiding))
    return _pack(flat, np.unique(chart, return_inverse=True)[1].reshape(-1), size)


def neighbours(triangles: Triangles) -> Labels:
    """Pairs of faces [P, 2] that share an edge."""
    edges = undirected_edges(triangles)
    key = edges[:, 0].astype(np.int64) * (int(triangles.max()) + 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    return np.stack([order[same], order[same + 1]], -1) % len(triangles)


def _sides(corners: NDArray[np.float64], pairs: Labels) -> Labels:
    """The side of the box [F], 2 * axis + (0 from the positive end, 1 from the negative), that sees each face best."""
    normal = area_vectors(corners)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    facing = np.stack([normal, -normal], -1).reshape(len(corners), SIDES)
    side = facing.argmax(1)
    both_ways = np.concatenate([pairs, pairs[:, ::-1]])
    for _ in range(SMOOTHING_ROUNDS):
        # Two neighbours out of three outvote a face; that clears speckles away and straightens borders.
        votes = np.bincount(both_ways[:, 0] * SIDES + side[both_ways[:, 1]], minlength=SIDES * len(side))
        votes = votes.reshape(-1, SIDES)
        winner = votes.argmax(1)
        faces = np.arange(len(side))
        change = (votes[faces, winner] >= 2) & (facing[faces, winner] > STEEPEST)
        side = np.where(change, winner, side)
    return side


def _seen_from(corners: NDArray[np.float64], side: Labels) -> NDArray[np.float64]:
    """Corners [F, 3, 2] as seen straight on from each face's side, not mirrored; the depth [F, 3] is dropped."""
    axis, back = side // 2, side % 2
    faces = np.arange(len(side))[:, None]
    across, up = corners[faces, :, (axis[:, None] + 1) % 3], corners[faces, :, (axis[:, None] + 2) % 3]
    across = np.where(back[:, None, None] == 1, -across, across)
    return np.concatenate([across, up], 1).transpose(0, 2, 1)


def _components(pairs: Labels, label: Labels, count: int) -> Labels:
    """Charts [F]: connected faces of one label."""
    joined = pairs[label[pairs[:, 0]] == label[pairs[:, 1]]]
    graph = sparse.csr_matrix((np.ones(len(joined), bool), (joined[:, 0], joined[:, 1])), (count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _hiding(flat: NDArray[np.float64], chart: Labels) -> NDArray[np.bool_]:
    """Faces [F] that lie over an earlier face of their own chart, as far as a grid of cells can tell."""
    low = flat.min((0, 1))
    spans = flat.max(1) - flat.min(1)
    scale = min(
        OVERLAP_CELLS / max(float((flat.max((0, 1)) - low).max()), 1e-30),
        (OVERLAP_WORK / max(float(spans.prod(1).sum()), 1e-30)) ** 0.5,
    )
    side = OVERLAP_CELLS + 1
    cells, faces = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part in cover((flat - low) * scale, side, side):
        # A point on a shared edge is in both faces, and no overlap.
        inner = (part.weights > 1e-3).all(1)
        face = part.triangle[inner]
        cells.append((chart[face] * side + part.row[inner]) * side + part.column[inner])
        faces.append(face)
    face = np.concatenate(faces)
    _, first = np.unique(np.concatenate(cells), return_index=True)
    over = np.ones(len(face), bool)
    over[first] = False
    hiding = np.zeros(len(flat), bool)
    hiding[face[over]] = True
    return hiding


def _pack(flat: NDArray[np.float64], chart: Labels, size: int) -> Floats:
    """Put the charts' boxes on shelves, tallest first, at the largest scale that fits."""
    count = int(chart.max()) + 1
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(low, chart, flat.min(1))
    np.maximum.at(high, chart, flat.max(1))
    sizes = high - low
    for gutter in GUTTERS:
        # At this scale the charts alone would fill the texture.
        most = size / max(float(np.sqrt(sizes.prod(1).sum())), float(sizes.max()) * 0.5, 1e-30)
        fitting, smallest = None, most / 1000
        if _shelves(sizes * smallest, gutter, size) is None:
            continue
        for _ in range(12):
            middle = (smallest * most) ** 0.5
            placed = _shelves(sizes * middle, gutter, size)
            if placed is None:
                most = middle
            else:
                fitting, smallest = placed, middle
        corner = _shelves(sizes * smallest, gutter, size) if fitting is None else fitting
        assert corner is not None
        texels = (flat - low[chart][:, None]) * smallest + corner[chart][:, None]
        return np.clip(texels / size, 0, 1).astype(np.float32)
    raise JobFailed(
        "charts-do-not-fit",
        f"The mesh is in {count} pieces, too many for a texture of {size} pixels.",
        "Use a larger texture, fewer faces, or texture size 0 for vertex colours.",
    )


def _shelves(sizes: NDArray[np.float64], gutter: int, size: int) -> NDArray[np.float64] | None:
    """Lower corners [C, 2] in texels of boxes [C, 2] set side by side on shelves, or None when they do not fit."""
    # Whole texels: charts that start between two would get gutters narrower than asked.
    boxes = np.ceil(sizes).astype(np.int64) + 1 + 2 * gutter
    if int(boxes.max()) > size or int(boxes.prod(1).sum()) > size * size:
        return None
    order = np.argsort(-boxes[:, 1], kind="stable")
    corner = np.empty_like(sizes)
    x = y = height = 0
    for index, (width, tall) in zip(order.tolist(), boxes[order].tolist(), strict=True):
        if x + width > size:
            x, y, height = 0, y + height, 0
        if y + tall > size:
            return None
        corner[index] = (x + gutter, y + gutter)
        x, height = x + width, max(height, tall)
    return corner
