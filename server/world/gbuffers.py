"""Sphere-traced G-buffers: for every sub-pixel of a view, the surface normal and the material, before any colour.

Two by two sub-pixels a pixel, but a pixel is traced once at its centre and again four times only where its neighbours
differ from it (a silhouette, a border between materials, a crease).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from server.world.shapes import Material, bounding_box, distance_and_material, signed_distance
from server.world.views import Views

HIT = 0.003
SMALLEST_STEP = 0.008  # a quarter of a pixel; thinner than any part of any object
CELLS = 64
CLOSE = 0.02  # distance below which the function itself is asked instead of the table
STEPS = 48
CREASE = 0.8  # cosine between neighbouring normals below which a pixel counts as an edge


@dataclass(frozen=True)
class GBuffer:
    """Attributes:
    normal: int8 [V, 2S, 2S, 3], unit normals times 127 (0 in the background).
    material: uint8 [V, 2S, 2S], values of `Material`.
    """

    normal: Tensor
    material: Tensor


def trace(kind: str, origins: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """First hit of rays with an object.

    Args:
        origins: [N, 3]; directions: [N, 3], unit length.

    Returns:
        normals [N, 3] (0 where nothing was hit) and materials uint8 [N].
    """
    normals = torch.zeros_like(directions)
    materials = torch.zeros(len(origins), dtype=torch.uint8, device=origins.device)
    low, high = (torch.tensor(corner, device=origins.device) for corner in bounding_box(kind))
    inverse = 1 / torch.where(directions.abs() < 1e-9, 1e-9, directions)
    first, second = (low - origins) * inverse, (high - origins) * inverse
    near = torch.minimum(first, second).amax(-1)
    far = torch.maximum(first, second).amin(-1)
    ray = ((near < far) & (far > 0)).nonzero().squeeze(1)
    origin, direction, end, travelled = (v.index_select(0, ray) for v in (origins, directions, far, near.clamp_min(0)))
    grid = _safe_steps(kind).to(origins.device)
    hit_rays, hit_points = [], []
    for _ in range(STEPS):
        points = origin + travelled[:, None] * direction
        cell = ((points + 1) * (CELLS / 2)).long().clamp_(0, CELLS - 1)
        distance = grid.index_select(0, (cell[:, 0] * CELLS + cell[:, 1]) * CELLS + cell[:, 2])
        close = (distance < CLOSE).nonzero().squeeze(1)
        exact = signed_distance(kind, points.index_select(0, close))
        distance.index_copy_(0, close, exact)
        landed = (exact < HIT).nonzero().squeeze(1)
        if len(landed):
            arrived = close.index_select(0, landed)
            hit_rays.append(ray.index_select(0, arrived))
            # The smallest step may have gone below the surface: go back by the depth.
            depth = exact.index_select(0, landed)[:, None]
            hit_points.append(points.index_select(0, arrived) + depth * direction.index_select(0, arrived))
        travelled = travelled + distance.clamp_min(SMALLEST_STEP)
        keep = ((distance >= HIT) & (travelled < end)).nonzero().squeeze(1)
        if not len(keep):
            break
        if len(keep) < len(ray):
            ray, origin, direction, end, travelled = (
                v.index_select(0, keep) for v in (ray, origin, direction, end, travelled)
            )
    if not hit_rays:
        return normals, materials
    hits, points = torch.cat(hit_rays), torch.cat(hit_points)
    normals[hits] = surface_normals(kind, points)
    materials[hits] = distance_and_material(kind, points)[1]
    return normals, materials


@cache
def _safe_steps(kind: str) -> Tensor:
    """How far a ray may surely go from each of the CELLS^3 cells of the cube [-1, 1]^3, [CELLS^3]."""
    line = (torch.arange(CELLS) + 0.5) / CELLS * 2 - 1
    centres = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    half_diagonal = math.sqrt(3) / CELLS
    return torch.cat([signed_distance(kind, part) for part in centres.split(CELLS**3 // 16)]) - 1.1 * half_diagonal


def surface_normals(kind: str, points: Tensor, step: float = 2e-3) -> Tensor:
    """Unit gradients of the distance at `points` [N, 3], by differences over a tetrahedron's corners."""
    corners = points.new_tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
    gradient = torch.zeros_like(points)
    for corner in corners:
        gradient += corner * signed_distance(kind, points + step * corner)[:, None]
    return functional.normalize(gradient, dim=-1)


def render_gbuffer(kind: str, views: Views, size: int = 64, chunk: int = 64) -> GBuffer:
    """G-buffers of `kind` for every view, two by two sub-pixels a pixel."""
    parts = [
        _render_chunk(kind, views.pick(slice(start, start + chunk)), size) for start in range(0, len(views), chunk)
    ]
    return GBuffer(torch.cat([p.normal for p in parts]), torch.cat([p.material for p in parts]))


def _render_chunk(kind: str, views: Views, size: int) -> GBuffer:
    count = len(views)
    eye, directions = views.rays(size)
    origins = eye[:, None, None, :].expand_as(directions)
    flat_normal, flat_material = trace(kind, origins.reshape(-1, 3), directions.reshape(-1, 3))
    normal = flat_normal.view(count, size, size, 3)
    material = flat_material.view(count, size, size)
    edge = _edges(normal, material)

    fine_normal = (normal * 127).round().to(torch.int8).repeat_interleave(2, 1).repeat_interleave(2, 2)
    fine_material = material.repeat_interleave(2, 1).repeat_interleave(2, 2)
    view, row, column = edge.nonzero().unbind(1)
    _, fine_directions = views.rays(size, samples=2)
    down, across = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    view = view[:, None].expand(-1, 4).reshape(-1)
    row = (row[:, None] * 2 + down.to(row)).reshape(-1)
    column = (column[:, None] * 2 + across.to(column)).reshape(-1)
    sub_normal, sub_material = trace(kind, eye[view], fine_directions[view, row, column])
    fine_normal[view, row, column] = (sub_normal * 127).round().to(torch.int8)
    fine_material[view, row, column] = sub_material
    return GBuffer(fine_normal, fine_material)


def _edges(normal: Tensor, material: Tensor) -> Tensor:
    """Pixels that differ from their right or lower neighbour, and those neighbours, [V, S, S]."""
    edge = torch.zeros_like(material, dtype=torch.bool)
    solid = material != Material.BACKGROUND
    for axis in (1, 2):
        here, there = slice(None, -1), slice(1, None)
        first: list[slice] = [slice(None)] * 3
        other = list(first)
        first[axis], other[axis] = here, there
        a, b = tuple(first), tuple(other)
        folded = (normal[a] * normal[b]).sum(-1) < CREASE
        differs = (material[a] != material[b]) | (folded & solid[a])
        edge[a] |= differs
        edge[b] |= differs
    return edge
