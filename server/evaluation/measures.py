"""How close a mesh is to a shape: volume, outline and surface. All in field coordinates (server/meshing/fields.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from server.meshing.arrays import Bools, Floats, Triangles, area_vectors
from server.meshing.coverage import cover
from server.meshing.rasterise import Hits, rasterise
from server.world.views import Views

# Twelve views in three rings, none of them along an axis of symmetry of a box.
SILHOUETTE_ANGLES = tuple((azimuth, elevation) for elevation in (-5.0, 25.0, 60.0) for azimuth in (10, 100, 190, 280))


# Rotations about z, y and x by .5, .7 and .3 radians. The voxel grid is turned against the axes: in line with them, the
# planes of voxel centres would coincide with faces of furniture, and a hair's breadth would count as a whole layer.
TILT = Rotation.from_euler("zyx", (0.5, 0.7, 0.3)).as_matrix()


def voxel_centres(side: int) -> Floats:
    """Centres [side^3, 3] of the cells of a tilted grid over a cube of edge 2 around the origin."""
    line = (np.arange(side) + 0.5) * 2 / side - 1
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    return (grid @ TILT.T).astype(np.float32)


def voxelise(vertices: Floats, triangles: Triangles, side: int) -> Bools:
    """bool [side, side, side]: which of the `voxel_centres` lie inside a closed mesh.

    A line through a column of centres enters the mesh where it meets a face that looks against it and leaves it where
    it meets one that looks along it; inside is where it entered more often than it left.
    """
    cells = (vertices.astype(np.float64) @ TILT + 1) * side / 2
    crossings = np.zeros((side, side, side + 1), np.int32)
    corners = cells[triangles][:, :, :2]
    ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    looks_along = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0] > 0
    for part in cover(corners, side, side):
        height = (part.weights * cells[triangles[part.triangle], 2]).sum(1)
        above = np.clip(np.ceil(height - 0.5), 0, side).astype(np.int64)
        np.add.at(crossings, (part.column, part.row, above), np.where(looks_along[part.triangle], -1, 1))
    return np.cumsum(crossings[:, :, :side], 2) > 0


def iou(one: Bools, other: Bools) -> float:
    """Intersection over union of two masks of any shape; 1 when both are empty."""
    union = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / union) if union else 1.0


def outlines(vertices: Floats, triangles: Triangles, size: int = 160, distance: float = 3.0) -> Bools:
    """bool [12, size, size]: the silhouettes of a mesh in twelve views."""
    return np.stack([hits.mask for hits in _from_all_sides(vertices, triangles, size, distance)])


def _from_all_sides(vertices: Floats, triangles: Triangles, size: int, distance: float) -> list[Hits]:
    return [
        rasterise(vertices, triangles, Views.orbit([float(azimuth)], elevation, distance), size)[0]
        for azimuth, elevation in SILHOUETTE_ANGLES
    ]


def silhouette_iou(one: Bools, other: Bools) -> float:
    """Mean over the views of the intersection over union of two meshes' `outlines`."""
    return float(np.mean([iou(first, second) for first, second in zip(one, other, strict=True)]))


@dataclass(frozen=True)
class SurfacePoints:
    """N points on a mesh.

    Attributes:
        position: float64 [N, 3].
        normal: float64 [N, 3], unit normals of the triangles they lie on.
        triangle: int64 [N].
        weights: float64 [N, 3], barycentric coordinates.
    """

    position: NDArray[np.float64]
    normal: NDArray[np.float64]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float64]

    def take(self, chosen: NDArray[np.int64]) -> SurfacePoints:
        """Some of the points, or the same one several times."""
        return SurfacePoints(self.position[chosen], self.normal[chosen], self.triangle[chosen], self.weights[chosen])


@dataclass(frozen=True)
class Match:
    """Random points on two surfaces, and the nearest point on the other one for each.

    Attributes:
        first, beside_first: N points on the first surface, and their neighbours on the second.
        second, beside_second: N points on the second surface, and their neighbours on the first.
    """

    first: SurfacePoints
    beside_first: SurfacePoints
    second: SurfacePoints
    beside_second: SurfacePoints


def match(one: tuple[Floats, Triangles], other: tuple[Floats, Triangles], count: int = 10_000) -> Match:
    """Match `count` random points on each surface with ten times as many on the other.

    Their spacing makes two samplings of one surface about .003 apart rather than 0.
    """
    rng = np.random.default_rng(0)
    first, second = (sample_surface(*mesh, 10 * count, rng) for mesh in (one, other))
    _, there = cKDTree(second.position).query(first.position[:count])
    _, back = cKDTree(first.position).query(second.position[:count])
    some = np.arange(count)
    return Match(first.take(some), second.take(there), second.take(some), first.take(back))


def seen_points(vertices: Floats, triangles: Triangles, size: int = 96, distance: float = 3.0) -> SurfacePoints:
    """The points of a mesh behind the pixels of the views of `outlines`: what is seen more is there more often."""
    hits = _from_all_sides(vertices, triangles, size, distance)
    return points_on(
        vertices,
        triangles,
        np.concatenate([hit.triangle[hit.mask] for hit in hits]),
        np.concatenate([hit.weights[hit.mask] for hit in hits]),
    )


def chamfer(matched: Match) -> float:
    """Symmetric Chamfer distance: the mean distance to the other surface, over both surfaces, in ball radii."""
    there = np.linalg.norm(matched.first.position - matched.beside_first.position, axis=1)
    back = np.linalg.norm(matched.second.position - matched.beside_second.position, axis=1)
    return float((there.mean() + back.mean()) / 2)


def normal_consistency(matched: Match) -> float:
    """Mean absolute dot product of the normals at nearest points, over both surfaces (Mescheder et al. 2019).

    In [0, 1]: 1 when all normals agree, 1/2 when they have nothing to do with each other. By definition the sign does
    not count: a surface that is inside out scores as its right side would.
    """
    there = np.abs((matched.first.normal * matched.beside_first.normal).sum(1))
    back = np.abs((matched.second.normal * matched.beside_second.normal).sum(1))
    return float((there.mean() + back.mean()) / 2)


def sample_surface(vertices: Floats, triangles: Triangles, count: int, rng: np.random.Generator) -> SurfacePoints:
    """`count` points, uniform by area."""
    area = np.linalg.norm(area_vectors(vertices[triangles].astype(np.float64)), axis=1)
    chosen = rng.choice(len(triangles), count, p=area / area.sum())
    u, v = rng.random((2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    return points_on(vertices, triangles, chosen, np.hstack([1 - u - v, u, v]))


def points_on(
    vertices: Floats, triangles: Triangles, chosen: NDArray[np.int64], weights: NDArray[np.float64]
) -> SurfacePoints:
    """The points of these triangles [N] with these barycentric coordinates [N, 3]."""
    corners = vertices[triangles[chosen]].astype(np.float64)
    across = area_vectors(corners)
    normal = across / np.linalg.norm(across, axis=1, keepdims=True)
    a, b, c = corners.transpose(1, 0, 2)
    position = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
    return SurfacePoints(position, normal, chosen, weights)
