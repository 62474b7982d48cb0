"""The shape of a surface: its height, and what follows from it."""

from __future__ import annotations

import numpy as np

from server.materials.borders import Borders, Floats
from server.materials.light import fading_light, lamp_light, without
from server.materials.reducing import enlarged, reduced, reduction
from server.materials.tone import tone_of

# In windows: from the lowest point to the highest.
DEPTH = 0.02
# In windows: the width of the blur that keeps grain out of the shape.
SOFT = 0.004
# In windows: how far around a point others are looked at that may stand in its light.
REACHES = (0.006, 0.015, 0.04)
# A point as low as a slope of this many to one, all around, gets half the light.
HALF_DARK = 0.7
# The lamp is known from the height, and the height better without the lamp.
ROUNDS = 2


def height_and_albedo(colour: Floats, borders: Borders) -> tuple[Floats, Floats]:
    """Height [H, W] in [0, 1], for a surface that is DEPTH deep, and colours [H, W, 3] in [0, 1] without light.

    Args:
        colour: [H, W, 3] in [0, 1].
    """
    # Light is as smooth as the shape, which fine pixels do not make finer.
    step = reduction(colour)
    light = enlarged(_light(reduced(colour, step), borders), step, borders)
    albedo = without(light, colour)
    return _height(albedo, borders), albedo


def _light(colour: Floats, borders: Borders) -> Floats:
    fading = fading_light(colour, borders)
    even = without(fading, colour)
    lamp = np.zeros_like(fading)
    for _ in range(ROUNDS):
        lamp = lamp_light(even, _height(without(lamp, even), borders), borders)
    return fading + lamp


def _height(colour: Floats, borders: Borders) -> Floats:
    tone = tone_of(colour)
    return np.clip(borders.blurred(tone, SOFT * min(tone.shape)), 0, 1)


def normals(height: Floats, borders: Borders) -> Floats:
    """Unit vectors [H, W, 3]: x to the right, y upwards, z towards the eye."""
    right, down = borders.slopes(height * np.float32(DEPTH * min(height.shape)))
    vectors = np.empty((*height.shape, 3), np.float32)
    vectors[..., 2] = 1 / np.sqrt(right**2 + down**2 + 1)
    vectors[..., 0] = -right * vectors[..., 2]
    vectors[..., 1] = down * vectors[..., 2]
    return vectors


def occlusion(height: Floats, borders: Borders) -> Floats:
    """The share [H, W] of light from everywhere, in (0, 1], that what lies around a point lets through to it."""
    low = np.zeros_like(height)
    for reach in REACHES:
        below = borders.blurred(height, reach * min(height.shape)) - height
        low += np.maximum(below, 0) * np.float32(DEPTH / reach)
    return np.float32(1) / (1 + low / np.float32(HALF_DARK))
