"""Where two sheets of a surface touch along an edge, and how they are parted."""

from __future__ import annotations

import numpy as np

from server.meshing.arrays import Floats, Triangles
from server.meshing.edges import undirected_edges


def part_pinches(vertices: Floats, triangles: Triangles) -> tuple[Floats, Triangles]:
    """Give each sheet its own vertices along edges that belong to more than two faces.

    Edge collapse makes such edges where sheets come close. Nothing moves; a closed surface that only touched itself is
    closed and manifold afterwards.
    """
    edges = undirected_edges(triangles)
    unique, index, count = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    pinched = np.unique(unique[count > 2])
    if len(pinched) == 0:
        return vertices, triangles
    shared = (count[index.reshape(-1)] == 2).reshape(3, -1).T  # [F, 3]: may be walked across, edge after each corner
    faces = triangles.copy()
    added: list[int] = []
    touched = np.flatnonzero(np.isin(triangles, pinched).any(1))
    for vertex in pinched:
        mine = [int(face) for face in touched if vertex in triangles[face]]
        for sheet in _sheets(int(vertex), mine, triangles, shared)[1:]:
            corner = np.where(triangles[sheet] == vertex)
            faces[np.array(sheet)[corner[0]], corner[1]] = len(vertices) + len(added)
            added.append(int(vertex))
    return np.concatenate([vertices, vertices[added]]), faces


def _sheets(vertex: int, faces: list[int], triangles: Triangles, shared: np.ndarray) -> list[list[int]]:
    """The faces around a vertex, apart wherever only a pinched edge joins them."""
    across: dict[int, list[int]] = {}  # neighbour -> faces on both sides of the edge to it
    for face in faces:
        for corner in range(3):
            ends = {int(triangles[face, corner]), int(triangles[face, (corner + 1) % 3])}
            if vertex in ends and shared[face, corner]:
                across.setdefault((ends - {vertex}).pop(), []).append(face)
    neighbours: dict[int, set[int]] = {face: set() for face in faces}
    for both in across.values():
        for face in both:
            neighbours[face] |= set(both)
    sheets, left = [], set(faces)
    while left:
        sheet, waiting = [], [min(left)]
        left -= set(waiting)
        while waiting:
            face = waiting.pop()
            sheet.append(face)
            new = neighbours[face] & left
            left -= new
            waiting += sorted(new)
        sheets.append(sheet)
    return sheets
