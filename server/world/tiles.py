"""How large a tile is, in windows: what a prior sees at once, one square image of its size. Free of torch."""

from __future__ import annotations


def extent_of(width: int, height: int) -> tuple[float, float]:
    """Width and height, in windows, of a tile of so many pixels. The shorter side spans one window: over several, parts
    of a pattern settle out of step with each other."""
    shorter = min(width, height)
    return width / shorter, height / shorter


def windows_in(extent: tuple[float, float]) -> int:
    """Windows' worth of a tile, from 1: what is done once for each."""
    return max(1, round(extent[0] * extent[1]))
