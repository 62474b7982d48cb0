"""Signed distance functions of simple solids, and how several become one.

Coordinates and distances are tensors of one shape. Primitives after the usual constructions for distance fields (Hart
1996, Quilez).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sphere(x: Tensor, y: Tensor, z: Tensor, radius: float) -> Tensor:
    return torch.sqrt(x * x + y * y + z * z) - radius


def ellipsoid(x: Tensor, y: Tensor, z: Tensor, rx: float, ry: float, rz: float) -> Tensor:
    px, py, pz = x / rx, y / ry, z / rz
    inner = torch.sqrt(px * px + py * py + pz * pz)
    slope = torch.sqrt((px / rx) ** 2 + (py / ry) ** 2 + (pz / rz) ** 2).clamp_min(1e-6)
    return inner * (inner - 1) / slope


def box(x: Tensor, y: Tensor, z: Tensor, hx: float, hy: float, hz: float, rounding: float = 0.0) -> Tensor:
    qx, qy, qz = x.abs() - (hx - rounding), y.abs() - (hy - rounding), z.abs() - (hz - rounding)
    outside = torch.sqrt(qx.clamp_min(0) ** 2 + qy.clamp_min(0) ** 2 + qz.clamp_min(0) ** 2)
    return outside + torch.maximum(qx, torch.maximum(qy, qz)).clamp_max(0) - rounding


def cylinder(radial: Tensor, along: Tensor, radius: float, half: float, rounding: float = 0.0) -> Tensor:
    """From the distance to the axis and the coordinate along it."""
    dr, da = radial - (radius - rounding), along.abs() - (half - rounding)
    return torch.maximum(dr, da).clamp_max(0) + torch.sqrt(dr.clamp_min(0) ** 2 + da.clamp_min(0) ** 2) - rounding


def cone(radial: Tensor, along: Tensor, bottom: float, top: float, half: float) -> Tensor:
    """Truncated cone from radius `bottom` at along = -half to radius `top` at along = half."""
    length = math.hypot(bottom - top, 2 * half)
    nr, na = 2 * half / length, (bottom - top) / length
    side = (radial - (bottom + top) / 2) * nr + along * na
    caps = along.abs() - half
    # Clamped along the slanted side: exact outside, a lower bound next to the rims' inner wedge.
    t = ((along + half) * (2 * half) - (radial - bottom) * (bottom - top)) / length**2
    t = t.clamp(0, 1)
    er, ea = radial - (bottom + (top - bottom) * t), along - (-half + 2 * half * t)
    to_side = torch.sqrt(er * er + ea * ea)
    cap_r = (radial - torch.where(along > 0, top, bottom)).clamp_min(0)
    to_cap = torch.sqrt(cap_r * cap_r + caps * caps)
    outside = torch.minimum(to_side, to_cap)
    return torch.where((side < 0) & (caps < 0), torch.maximum(side, caps), outside)


def torus(radial: Tensor, along: Tensor, major: float, minor: float) -> Tensor:
    return torch.sqrt((radial - major) ** 2 + along * along) - minor


def capsule(
    x: Tensor, y: Tensor, z: Tensor, a: tuple[float, ...], b: tuple[float, ...], ra: float, rb: float
) -> Tensor:
    """Rod from a to b whose radius goes linearly from ra to rb."""
    dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    length2 = dx * dx + dy * dy + dz * dz
    px, py, pz = x - a[0], y - a[1], z - a[2]
    t = ((px * dx + py * dy + pz * dz) / length2).clamp(0, 1)
    gap = torch.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2 + (pz - t * dz) ** 2) - (ra + (rb - ra) * t)
    return gap / math.sqrt(1 + (rb - ra) ** 2 / length2)


def blend(a: Tensor, b: Tensor, width: float) -> Tensor:
    """Smooth union (polynomial, Quilez 2013)."""
    h = (width - (a - b).abs()).clamp_min(0) / width
    return torch.minimum(a, b) - h * h * width * 0.25


def radial_distance(a: Tensor, b: Tensor) -> Tensor:
    return torch.sqrt(a * a + b * b)


def union(*distances: Tensor) -> Tensor:
    nearest = distances[0]
    for distance in distances[1:]:
        nearest = torch.minimum(nearest, distance)
    return nearest
