"""What looks at the ground, seen by no camera of a prior's law: a field was never told its colours, and takes them
lighter than they would be.

They become those of the sides around, in the light that falls from below. That light is known where a prior's pictures
have one lamp fixed in the world (server/world/lamp.py), which the field takes for paint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray

from server.meshing.arrays import Floats, Triangles
from server.meshing.colours import seen_colours
from server.meshing.distances import squared_distances
from server.meshing.fields import Colour, Density
from server.world.lamp import brightness

# Heights of unit normals. What looks down more steeply than UNSEEN is seen by nobody, what looks down less steeply than
# GLANCED is believed, and between them colours are blended; what is above SIDES was seen well.
UNSEEN, GLANCED, SIDES = -0.8, -0.7, -0.2
# Widths of the kernel by which a paint counts: how far away it is, and how far in hue from what the field says itself.
# Under a mushroom's cap the stem is nearest and has another paint; but on a house's ground side the field's guess may
# be nearer to a small window's hue than to the walls'.
REACH, HUE = 0.25, 0.12
# How far away from all sides the hue's kernel has twice its variance. Close to them what was seen has shaped the guess,
# too; far away nothing has.
FAR = 0.2
# Sides of the cells, in place and in hue, whose paint is one.
PLACES, HUES = 0.15, 0.07
# Points on a surface at which its paint is asked.
SPREAD = 8000
# Of colours that are divided by.
LEAST = 1e-3
# Points worked on at once.
CHUNK = 1 << 12


class Underside:
    """The paint of a surface's sides, to be asked from below.

    Args:
        points, outward: [P, 3] spread evenly over the surface, its normals of unit length.
        colours: [P, 3] in [0, 1], as the field has them.
    """

    def __init__(self, points: Floats, outward: Floats, colours: Floats) -> None:
        sides = outward[:, 2] > SIDES
        points, colours, paint = points[sides], colours[sides], colours[sides] / _light(outward[sides])[:, None]
        cells = np.concatenate([np.floor(points / PLACES), np.floor(_hues(colours) / HUES)], 1).astype(int)
        _, cell, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        means = _sums(cell.ravel(), np.concatenate([points, _hues(colours), paint], 1), len(count)) / count[:, None]
        self._points, self._hues, self._paint = np.split(means.astype(np.float32), 3, axis=1)
        self._area = np.log(count).astype(np.float32)

    def recolour(
        self, points: Floats, outward: Floats, colours: Floats, ask: Callable[[], Any] = lambda: None
    ) -> Floats:
        """Colours float32 [N, 3] in [0, 1] at points with normals `outward`; new ones where these look down.

        Args:
            colours: [N, 3] as the field has them.
            ask: called between blocks of points; may raise.
        """
        if not len(self._paint):
            return colours
        new = colours.copy()
        below = np.flatnonzero(outward[:, 2] < GLANCED)
        for start in range(0, len(below), CHUNK):
            ask()
            part = below[start : start + CHUNK]
            guessed = colours[part]
            lit = self._around(points[part], guessed) * _light(outward[part])[:, None]
            unseen = np.clip((GLANCED - outward[part, 2:]) / (GLANCED - UNSEEN), 0, 1)
            new[part] = np.clip(guessed + unseen * (lit - guessed), 0, 1)
        return new

    def _around(self, points: Floats, guessed: Floats) -> Floats:
        """The paint [N, 3] of the sides near points [N, 3]: a mean of all, by area and kernel."""
        apart = squared_distances(points, self._points)
        other_hue = squared_distances(_hues(guessed), self._hues)
        forgotten = 1 + (apart.min(1, keepdims=True) / FAR**2) ** 2
        counts = self._area - apart / (2 * REACH**2) - other_hue / (2 * HUE**2 * forgotten)
        weight = np.exp(counts - counts.max(1, keepdims=True))
        mixed: Floats = (weight @ self._paint / weight.sum(1, keepdims=True)).astype(np.float32)
        return mixed


def underside_of(density: Density, colour: Colour, vertices: Floats, triangles: Triangles) -> Underside:
    """That of a mesh in a field's axes; see fields.py."""
    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    points, faces = trimesh.sample.sample_surface(mesh, SPREAD, seed=0)
    points, outward = points.astype(np.float32), mesh.face_normals[faces].astype(np.float32)
    return Underside(points, outward, seen_colours(density, colour, points, -outward))


def _light(outward: Floats) -> Floats:
    lit: Floats = brightness(torch.from_numpy(outward)).numpy()
    return lit


def _hues(colours: Floats) -> Floats:
    hues: Floats = colours / np.maximum(colours.sum(-1, keepdims=True), LEAST)
    return hues


def _sums(cell: NDArray[np.intp], values: Floats, count: int) -> Floats:
    """Sums [count, C] of values [N, C] by their cells [N]."""
    return np.stack([np.bincount(cell, column, count) for column in values.T], 1)
