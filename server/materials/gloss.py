"""How a surface reflects, as far as its colour lets one guess."""

from __future__ import annotations

import numpy as np

from server.materials.borders import Borders, Floats

# Of what is neither bright nor dark, low nor high.
USUAL = 0.6
# In windows: the neighbourhood that a point is compared with.
NEAR = 0.02
# Linear brightness: what reflects less is no bare metal, what reflects more may be.
METALS = (0.15, 0.45)


def roughness(albedo: Floats, open_share: Floats, borders: Borders) -> Floats:
    """[H, W] in [0, 1]: joints are rough, and grain is; what is brighter than what lies around it is worn smooth.

    Args:
        albedo: [H, W, 3] in [0, 1].
        open_share: of light, as `relief.occlusion`.
    """
    brightness = albedo.mean(-1)
    near = NEAR * min(brightness.shape)
    detail = brightness - borders.blurred(brightness, near)
    grain = np.sqrt(np.maximum(borders.blurred(detail**2, near), 0))
    rough = USUAL + 0.4 * (1 - open_share) + 0.6 * np.minimum(grain, 0.25) - 0.5 * detail
    return np.clip(rough, 0.05, 1, out=rough)


def metallic(albedo: Floats) -> Floats:
    """[H, W] in [0, 1], of a surface of which it is known that it is metal: bare where it is bright enough for that."""
    low, high = METALS
    share = np.clip(((albedo**2.2).mean(-1) - low) / (high - low), 0, 1)
    smooth: Floats = share * share * (3 - 2 * share)
    return smooth
