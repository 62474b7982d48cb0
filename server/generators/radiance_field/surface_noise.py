"""Noise that stays on a surface, or on the screen of a camera.

Integral noise (Chang et al. 2024, "How I Warped Your Noise") without a parametrisation of the surface: white noise is
given on the voxels of a fine lattice, and a latent cell sums the voxels of the points that it shows. Divided by the
standard deviation of just that sum, it is standard normal, however the surface lies and however much of the cell it
fills. Two cameras see the same noise at the same place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from server.generators.radiance_field.hash_grid import HASH_PRIMES
from server.generators.subject import NoiseLaw, NoiseLaws
from server.world.camera_law import CameraLaw
from server.world.views import Views

# Voxels along a cell's side at the middle of the ball; more tell the surface's own trembling from its place.
VOXELS = 4
# Points along a cell's side: some for every voxel that it shows.
POINTS = 8
# A row of the table is shared by voxels far from each other: memory does not grow with the lattice.
ROWS = 2**18
DIRECTIONS = 192
LEAST_OPACITY = 0.5
# Of the streams of random numbers that one seed gives.
_AXES, _SURFACE, _SCREEN = 0, 1, 2


@dataclass(frozen=True)
class _Patches:
    """What the cells of one exposure show of the surface: M pairs of a cell and a row of the table.

    Attributes:
        cell, row: [M] numbers; a pair comes once.
        points: [M] float, how many of the cell's points lie in the voxels of the row.
        covered: [cells] float, how many of a cell's points lie on the surface.
    """

    cell: Tensor
    row: Tensor
    points: Tensor
    covered: Tensor


class SurfaceNoise:
    """Independent noise fields in the unit ball and on the screens around it.

    Args:
        cameras: whose latent cells the lattice is made for.
        seed: of the job; the same seed gives the same fields.
    """

    def __init__(self, cameras: CameraLaw, seed: int) -> None:
        self._width = sum(cameras.distance) * math.tan(math.radians(cameras.fov) / 2)  # seen at the middle of the ball
        self._seed = seed
        # Turned, so that no flat face lies along a border between voxels as a whole.
        self._axes = torch.linalg.qr(self._normal((3, 3), _AXES))[0]
        self._table = functools.cache(self._make_table)

    def laws(self, views: Views, opacity: Tensor, distance: Tensor) -> NoiseLaws:
        """The noise as B views see it.

        Args:
            opacity, distance: [B, S, S] of the surface, see Rendering. Where opacity is below one half, `attached` is
                the noise of the screen; of a cell that shows both, each has its share.
        """
        screen = self._screen_law(views)
        patches = functools.cache(lambda cells: self._patches(views, opacity.detach(), distance.detach(), cells))
        return NoiseLaws(self._surface_law(patches, screen), screen)

    def _screen_law(self, views: Views) -> NoiseLaw:
        def seen(number: int, shape: torch.Size) -> Tensor:
            images = [self._normal(shape[1:], _SCREEN, number, d) for d in nearest_direction(views).tolist()]
            return torch.stack(images).to(views.azimuth.device)

        return seen

    def _surface_law(self, patches: Callable[[int], _Patches], screen: NoiseLaw) -> NoiseLaw:
        def seen(number: int, shape: torch.Size) -> Tensor:
            count, channels, cells, _ = shape
            found = patches(cells)
            table = self._table(number, channels, found.cell.device)
            behind = screen(number, shape).permute(0, 2, 3, 1).reshape(-1, channels)
            # Empty points are worth as much as points of a surface that faces the camera, voxel beside voxel.
            empty = (POINTS**2 - found.covered) * (POINTS / VOXELS) ** 2
            noise = empty.sqrt()[:, None] * behind
            noise = noise.index_add(0, found.cell, found.points[:, None] * table[found.row])
            variance = empty.index_add(0, found.cell, found.points.square())
            return (noise / variance.sqrt()[:, None]).view(count, cells, cells, channels).permute(0, 3, 1, 2)

        return seen

    def _patches(self, views: Views, opacity: Tensor, distance: Tensor, cells: int) -> _Patches:
        side = cells * POINTS
        # Means of neighbours: samples along rays tremble from step to step by more than a voxel.
        smooth = functools.partial(functional.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
        maps = smooth(torch.stack([opacity, opacity * distance], 1))
        filled, deep = functional.interpolate(maps, size=(side, side), mode="bilinear").unbind(1)
        image, row, column = (filled >= LEAST_OPACITY).nonzero(as_tuple=True)
        eye, direction = views.rays(side)
        depth = deep[image, row, column] / filled[image, row, column]
        points = eye[image] + depth[:, None] * direction[image, row, column]
        voxel = (points @ self._axes.to(points) * (cells * VOXELS / self._width)).floor().long()
        cell = (image * cells + row // POINTS) * cells + column // POINTS
        pairs, points_of = torch.unique(cell * ROWS + row_of(voxel), return_counts=True)
        covered = torch.bincount(cell, minlength=len(views) * cells**2).float()
        return _Patches(pairs // ROWS, pairs % ROWS, points_of.float(), covered)

    def _make_table(self, number: int, channels: int, device: torch.device) -> Tensor:
        return self._normal((ROWS, channels), _SURFACE, number).to(device)

    def _normal(self, shape: tuple[int, ...], *stream: int) -> Tensor:
        # A generator of torch keeps 32 bits of its seed.
        numbers = np.random.default_rng((self._seed, *stream)).standard_normal(shape, np.float32)
        return torch.from_numpy(numbers)


def row_of(voxel: Tensor) -> Tensor:
    """Row [N] of the table for voxels [N, 3]."""
    mixed = (voxel * torch.tensor(HASH_PRIMES, device=voxel.device)).sum(-1)
    # Without this, whole neighbourhoods would share their rows with others (constants: Wellons, hash-prospector).
    mixed = (mixed ^ (mixed >> 15)) * 0x2C1B3C6D
    mixed = (mixed ^ (mixed >> 12)) * 0x297A2D39
    return (mixed ^ (mixed >> 15)) & (ROWS - 1)


def nearest_direction(views: Views) -> Tensor:
    """Number [B] of the direction that is nearest to each camera's, out of DIRECTIONS spread evenly over the sphere."""
    index = torch.arange(DIRECTIONS, device=views.azimuth.device)
    azimuth = index * (math.pi * (3 - math.sqrt(5)))  # the golden angle
    height = 1 - (2 * index + 1) / DIRECTIONS
    radius = (1 - height.square()).sqrt()
    spread = torch.stack([radius * azimuth.cos(), radius * azimuth.sin(), height], -1)
    return (-views.frames()[3] @ spread.T).argmax(-1)
