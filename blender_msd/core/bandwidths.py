"""The course of a run's bandwidth, as the server computes it, and a small picture of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LINE, DONE, NOW, FRAME = (0.55, 0.55, 0.55), (0.35, 0.65, 1.0), (1.0, 0.75, 0.3), (0.32, 0.32, 0.32)
# Empty space round the curve, and how thick it is, in parts of the picture's height.
MARGIN, THICKNESS = 0.1, 0.03


@dataclass(frozen=True)
class Leg:
    """One stretch of a run: its schedule's name, the bandwidths at its ends in latent units, and its share."""

    schedule: str
    start: float
    end: float
    share: float = 1.0

    def at(self, p: float) -> float:
        """The bandwidth at `p` in [0, 1] of the leg. An unknown schedule is drawn as the usual one."""
        start, end = self.start, self.end
        if p in (0.0, 1.0) or self.schedule == "constant":
            return end if p and self.schedule != "constant" else start
        match self.schedule:
            case "linear":
                return start + (end - start) * p
            case "cosine":
                return end + (start - end) * (1 + math.cos(math.pi * p)) / 2
            case "timestep":
                return _sigma(_timestep(start) * (1 - p) + _timestep(end) * p)
        return float(start ** (1 - p) * end**p)


def legs_of(own: Sequence[Leg], start: float, end: float) -> tuple[Leg, ...]:
    """The legs of a run.

    Args:
        own: the model's.
        start, end: that were chosen; 0 leaves them to the model, and with either the run has one leg.
    """
    if not own or not (start or end):
        return tuple(own)
    start = start or own[0].start
    end = end or min(start, own[-1].end)
    return (Leg(own[0].schedule, max(start, end), end),)


def bandwidth_at(legs: Sequence[Leg], share: float) -> float:
    """The bandwidth when `share` in [0, 1] of the run is done."""
    for leg in legs:
        if share < leg.share or leg is legs[-1]:
            return leg.at(min(1.0, share / leg.share))
        share -= leg.share
    return 0.0


def plot(legs: Sequence[Leg], share: float | None, width: int, height: int) -> NDArray[np.float32]:
    """float32 [height, width, 4] RGBA, bottom row first: bandwidth, in its logarithm, over the run.

    Args:
        share: of the run that is done, drawn as a dot; None draws none.
    """
    inner = 1 - 2 * MARGIN
    wide = width / height  # in heights of the picture
    rows, columns = np.mgrid[:height, :width]
    x, y = (columns + 0.5) / height, (rows + 0.5) / height
    shares = np.clip((x[0] / wide - MARGIN) / inner, 0, 1)
    logs = np.log([bandwidth_at(legs, each) for each in shares])
    spread = logs.max() - logs.min() or 1.0
    course = MARGIN + inner * (logs - logs.min()) / spread
    # Of a straight line, which it nearly is within a column, the distance is that along it, times a cosine.
    slope = np.diff(course, prepend=2 * course[0] - course[1], append=2 * course[-1] - course[-2]) * height
    # The gentler one of both sides: where a leg ends and another begins, there is no line between them.
    distance = np.abs(y - course) / np.hypot(1, np.minimum(np.abs(slope[1:]), np.abs(slope[:-1])))
    drawn = np.clip((THICKNESS - distance) * height + 0.5, 0, 1) * (np.abs(x / wide - 0.5) <= inner / 2)
    done = x <= (MARGIN + inner * (share or 0.0)) * wide
    picture = np.zeros((height, width, 4), np.float32)
    edge = np.maximum(np.abs(x / wide - 0.5), np.abs(y - 0.5)) > 0.5 - 1 / height
    for cover, colour in ((edge, FRAME), (drawn * ~done, LINE), (drawn * done, DONE)):
        _paint(picture, cover, colour)
    if share is not None:
        radius = np.hypot(x - (MARGIN + inner * share) * wide, y - np.interp(share, shares, course))
        _paint(picture, np.clip((2.5 * THICKNESS - radius) * height + 0.5, 0, 1), NOW)
    return picture


def _paint(picture: NDArray[np.float32], cover: NDArray[np.generic], colour: tuple[float, float, float]) -> None:
    share = cover.astype(np.float32)[..., None]
    picture[..., :3] = picture[..., :3] * (1 - share) + np.array(colour, np.float32) * share
    picture[..., 3:] = np.maximum(picture[..., 3:], share)


@lru_cache(maxsize=1)
def _log_sigmas() -> NDArray[np.float64]:
    """Of Stable Diffusion's thousand timesteps, whose betas are linear in their square roots."""
    share = np.arange(1000) / 999
    kept = np.cumprod(1 - (0.00085**0.5 * (1 - share) + 0.012**0.5 * share) ** 2)
    found: NDArray[np.float64] = np.log((1 - kept) / kept) / 2
    return found


def _sigma(timestep: float) -> float:
    table = _log_sigmas()
    below = min(max(math.floor(timestep), 0), 998)
    return math.exp(table[below] + (timestep - below) * (table[below + 1] - table[below]))


def _timestep(sigma: float) -> float:
    table, wanted = _log_sigmas(), math.log(sigma)
    below = min(max(int(np.searchsorted(table, wanted, "right")) - 1, 0), 998)
    return float(below + (wanted - table[below]) / (table[below + 1] - table[below]))
