"""Light taken out of a picture, so that another lamp may fall on what is left.

Two kinds of it can be told from paint: light that fades over the whole picture, and the lamp that makes one flank of
every joint bright and the other one dark.
"""

from __future__ import annotations

import numpy as np

from server.materials.borders import Borders, Floats
from server.materials.tone import sampled

# Widths of blurs, in windows: light that fades as slowly is no paint; flanks as wide are looked at.
FADING = 0.12
FLANKS = (0.004, 0.012)
# Of colours in [0, 1]: what is darker says nothing of light.
DARK = 0.02


def fading_light(colour: Floats, borders: Borders) -> Floats:
    """The logarithm [H, W] of how brightly a wide neighbourhood is lit.

    Args:
        colour: [H, W, 3] in [0, 1].
    """
    return borders.blurred(_brightness(colour), FADING * min(colour.shape[:2]))


def lamp_light(colour: Floats, height: Floats, borders: Borders) -> Floats:
    """The logarithm [H, W] of what a lamp adds to light from everywhere.

    The logarithm of brightness is fitted by a cubic of the height, which is paint, and by its slopes, which is light.

    Args:
        colour: [H, W, 3] in [0, 1], lit evenly.
        height: [H, W] in [0, 1].
    """
    window = min(height.shape)
    flanks = [
        slope * np.float32(window)
        for width in FLANKS
        for slope in borders.slopes(borders.blurred(height, width * window))
    ]
    lows = sampled(height).ravel()
    paint = [np.ones_like(lows), lows, lows**2, lows**3]
    known = np.stack([*paint, *(sampled(flank).ravel() for flank in flanks)], 1)
    shares = np.linalg.lstsq(known, _brightness(sampled(colour)).ravel(), rcond=None)[0][len(paint) :]
    lamp = np.zeros_like(height)
    for share, flank in zip(shares, flanks, strict=True):
        lamp += np.float32(share) * flank
    return lamp


def without(light: Floats, colour: Floats) -> Floats:
    """Colours [H, W, 3] divided by the exponential of `light`, as bright as before on average."""
    strength = np.exp(-light)
    strength *= np.exp(light).mean()
    return np.minimum(colour * strength[..., None], 1)


def _brightness(colour: Floats) -> Floats:
    return np.log(colour.mean(-1) + np.float32(DARK))
