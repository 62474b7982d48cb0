"""What looks at the ground, seen by no camera of a prior's law: a field was never told its colours, and takes them
lighter than they would be.

They become those of the sides around, in the light that falls from below. That light is known where a prior's pictures
have one lamp fixed in the world (server/world/shading.py), which the field takes for paint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from server.meshing.arrays import Floats
from server.world.shading import AMBIENT, LIGHT

# Heights of unit normals. What looks down more steeply than UNSEEN is seen by nobody, what looks down less steeply than
# GLANCED is believed, and between them colours are blended; what is above SIDES was seen well.
UNSEEN, GLANCED, SIDES = -0.8, -0.7, -0.2
# Places on the sides that are asked for each colour.
ASKED = 12
# A hue other than what the field says itself is as far away as so many radii: under a mushroom's cap the stem is
# nearest, and has another paint.
HUE = 2.0
# Of the distances to them: nothing counts without end.
LEAST = 1e-3
# Points worked on at once.
CHUNK = 1 << 18


class Underside:
    """The paint of a surface's sides, to be asked from below.

    Args:
        points, outward: [V, 3] of the surface, its normals of unit length.
        colours: [V, 3] in [0, 1], as the field has them.
    """

    def __init__(self, points: Floats, outward: Floats, colours: Floats) -> None:
        sides = np.flatnonzero(outward[:, 2] > SIDES)
        self._places = cKDTree(_kin(points[sides], colours[sides])) if len(sides) else None
        self._paint = colours[sides] / brightness(outward[sides])[:, None]

    def recolour(
        self, points: Floats, outward: Floats, colours: Floats, ask: Callable[[], Any] = lambda: None
    ) -> Floats:
        """Colours float32 [N, 3] in [0, 1] at points with normals `outward`; new ones where these look down.

        Args:
            colours: [N, 3] as the field has them.
            ask: called between blocks of points; may raise.
        """
        if self._places is None:
            return colours
        new = colours.copy()
        below = np.flatnonzero(outward[:, 2] < GLANCED)
        for start in range(0, len(below), CHUNK):
            ask()
            part = below[start : start + CHUNK]
            guessed = colours[part]
            lit = self._around(points[part], guessed) * brightness(outward[part])[:, None]
            unseen = np.clip((GLANCED - outward[part, 2:]) / (GLANCED - UNSEEN), 0, 1)
            new[part] = np.clip(guessed + unseen * (lit - guessed), 0, 1)
        return new

    def _around(self, points: Floats, guessed: Floats) -> Floats:
        """The paint [N, 3] of the sides near points [N, 3]."""
        assert self._places is not None
        distance, nearest = self._places.query(_kin(points, guessed), k=min(ASKED, self._places.n), workers=-1)
        shape = (len(points), -1)
        weight = 1 / (distance.reshape(shape) + LEAST)
        mixed: Floats = (self._paint[nearest.reshape(shape)] * weight[..., None]).sum(1) / weight.sum(1, keepdims=True)
        return mixed


def brightness(outward: Floats) -> Floats:
    """Light float32 [N], in [0, 1], on surfaces with these unit normals [N, 3] in the priors' pictures, on average."""
    towards = np.array(LIGHT) / np.linalg.norm(LIGHT)
    lit: Floats = (AMBIENT + (1 - AMBIENT) * (0.5 + 0.5 * outward @ towards)).astype(np.float32)
    return lit


def _kin(points: Floats, colours: Floats) -> Floats:
    """Places [N, 6] that are near each other where points [N, 3] are, and their hues."""
    hue = colours / np.maximum(colours.sum(-1, keepdims=True), LEAST)
    return np.concatenate([points, HUE * hue], 1, dtype=np.float32)
