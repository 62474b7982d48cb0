"""In which colours a surface is asked for when not all pairs can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from server.evaluation.colours import to_lab
from server.training.heldout import HELD_OUT_PAIR
from server.world.captions import COLOURS, PATTERNS

Pair = tuple[str, str]
PAIRS = 6


def colour_pairs(pattern: str) -> list[Pair]:
    """Six pairs of first and second colours for a key of PATTERNS: the usual one, the one that training never showed,
    and four that share no colour with these two or with each other.

    Of all such fours it is the one whose most alike pair is least alike, in CIE L*a*b*; then the second most alike
    pair decides, and so on. Every other pair of the four has the lighter colour first.
    """
    usual, held_out = PATTERNS[pattern].colours, HELD_OUT_PAIR[pattern]
    left = [colour for colour in COLOURS if colour not in (*usual, *held_out)]
    others = max(_pairings(left, PAIRS - 2), key=lambda pairs: sorted(colour_distance(*pair) for pair in pairs))
    return [usual, held_out, *(_by_lightness(pair, lighter_first=i % 2 == 0) for i, pair in enumerate(others))]


def colour_distance(one: str, other: str) -> float:
    """Between two keys of COLOURS, in CIE L*a*b* (1976): white and grey are 41 apart, black and white 90."""
    return float(np.linalg.norm(_LAB[one] - _LAB[other]))


_LAB = dict(zip(COLOURS, to_lab(np.array(list(COLOURS.values()), np.float32)), strict=True))


def _pairings(colours: Sequence[str], count: int) -> Iterator[list[Pair]]:
    """All ways to choose `count` disjoint pairs, whatever their order."""
    if count == 0:
        yield []
    elif len(colours) >= 2 * count:
        first, *rest = colours
        for i, other in enumerate(rest):
            for pairs in _pairings(rest[:i] + rest[i + 1 :], count - 1):
                yield [(first, other), *pairs]
        yield from _pairings(rest, count)


def _by_lightness(pair: Pair, lighter_first: bool) -> Pair:
    dark, light = sorted(pair, key=lambda colour: float(_LAB[colour][0]))
    return (light, dark) if lighter_first else (dark, light)
