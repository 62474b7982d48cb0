"""Light taken out of a picture, so that another lamp may fall on what is left.

Two kinds of it can be told from paint: light that fades over the whole picture, and the lamp that
makes one flank of every joint bright and the other one dark.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from server.materials.borders import Borders, Floats
from server.materials.tone import sampled

# Widths of blurs, in windows: light that fades as slowly is no paint; flanks as wide are looked at.
FADING = 0.12
FLANKS = (0.004, 0.012)
# Of colours in [0, 1]: what is darker says nothing of light.
DARK = 0.02


def without_fading(colour: Floats, borders: Borders) -> Floats:
    """Colours [H, W, 3] in [0, 1], as bright everywhere as on average over a wide neighbourhood."""
    brightness = np.log(colour.mean(-1) + DARK)
    fading = borders.blurred(brightness, FADING * min(brightness.shape))
    return _divided(colour, fading)


def without_lamp(colour: Floats, height: Floats, borders: Borders) -> Floats:
    """Colours [H, W, 3] in [0, 1] as under light from everywhere.

    The logarithm of brightness is fitted by a cubic of the height, which is paint, and by its slopes, which is light.

    Args:
        height: [H, W] in [0, 1].
    """
    lows = sampled(height).ravel()
    paint = [np.ones_like(lows), lows, lows**2, lows**3]
    light = [sampled(slope).ravel() for slope in _flanks(height, borders)]
    brightness = np.log(sampled(colour).mean(-1).ravel() + DARK)
    fitted = np.linalg.lstsq(np.stack([*paint, *light], 1), brightness, rcond=None)[0][len(paint) :]
    lamp = np.zeros_like(height)
    for share, slope in zip(fitted, _flanks(height, borders), strict=True):
        lamp += np.float32(share) * slope
    return _divided(colour, lamp)


def _flanks(height: Floats, borders: Borders) -> Iterator[Floats]:
    """How steep the height is, in windows: along x and y, for every width of FLANKS."""
    window = min(height.shape)
    for width in FLANKS:
        for slope in borders.slopes(borders.blurred(height, width * window)):
            yield slope * np.float32(window)


def _divided(colour: Floats, light: Floats) -> Floats:
    """Colours divided by the exponential of `light`, which is 1 on average."""
    strength = np.exp(-light)
    strength *= np.exp(light).mean()
    return np.minimum(colour * strength[..., None], 1)
