"""What a surface's colours say about how high it is: one number a pixel, joints low and faces high.

Most surfaces have two colours, of stones and of what lies between them, and every colour in between where both are seen
at once. So colours are read along the axis along which they differ most. Which end of it is low, colour cannot say; but
joints take less room than what they join.
"""

from __future__ import annotations

import numpy as np

from server.materials.borders import Floats

# Light makes colours brighter and darker, and nothing else. So differences of brightness count less than of hue.
BRIGHTNESS = 0.5
# Tones lean this far to one side, as their skewness says, before the rare end is taken for joints. Below, and where the
# rare end is dark, dark is low.
LEAN = 0.5
# The tones that become 0 and 1, in percent of the pixels.
ENDS = (1.0, 99.0)
# Of colours in [0, 1]: where tones differ by less, they are noise, and are not stretched to the whole range.
LEAST_RANGE = 0.25
# Statistics are taken from about so many pixels a side.
SAMPLED = 512


def sampled(field: Floats) -> Floats:
    """Every n-th pixel along both axes of [H, W, ...], enough of them for statistics."""
    step = max(1, min(field.shape[:2]) // SAMPLED)
    return field[::step, ::step]


def tone_of(colour: Floats) -> Floats:
    """Tones [H, W] in [0, 1] of colours [H, W, 3] in [0, 1]; 0 is lowest."""
    some = sampled(colour).reshape(-1, 3)
    mean = some.mean(0, dtype=np.float64)
    brightness = (mean + 1e-6) / np.linalg.norm(mean + 1e-6)
    weigh = np.eye(3) - (1 - BRIGHTNESS) * np.outer(brightness, brightness)
    weighed = (some - mean) @ weigh
    # Along the last of the principal axes, brighter being higher.
    axis = np.linalg.eigh(weighed.T @ weighed)[1][:, -1]
    axis *= 1 if axis.sum() >= 0 else -1
    tones = weighed @ axis
    if _skewness(tones) > LEAN:
        axis, tones = -axis, -tones
    low, high = np.percentile(tones, ENDS)
    span = max(high - low, LEAST_RANGE)
    reading = weigh @ axis / span
    tone: Floats = colour @ reading.astype(np.float32)
    tone += np.float32(0.5 - (low + high) / 2 / span - mean @ reading)
    return np.clip(tone, 0, 1, out=tone)


def _skewness(values: Floats) -> float:
    away = values - values.mean()
    spread = float(np.sqrt((away**2).mean()))
    return 0.0 if spread < 1e-4 else float((away**3).mean()) / spread**3
