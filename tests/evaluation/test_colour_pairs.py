"""The colours in which surfaces are asked for."""

from __future__ import annotations

import pytest

from server.evaluation.colour_pairs import PAIRS, colour_distance, colour_pairs
from server.training.heldout import HELD_OUT_PAIR
from server.world.captions import COLOURS, PATTERNS


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_usual_pair_and_the_held_out_one_come_first_and_four_distinct_ones_follow(pattern: str) -> None:
    usual, held_out, *others = colour_pairs(pattern)
    assert (usual, held_out) == (PATTERNS[pattern].colours, HELD_OUT_PAIR[pattern])
    assert len(others) == PAIRS - 2
    colours = [colour for pair in others for colour in pair]
    assert len(set(colours)) == len(colours)
    assert not set(colours) & {*usual, *held_out}
    # Twice as far apart as grey and white.
    assert min(colour_distance(*pair) for pair in others) > 1.9 * colour_distance("grey", "white")
    assert len({*colours, *usual, *held_out}) >= len(COLOURS) - 1


def test_colours_that_look_alike_are_near_each_other() -> None:
    assert colour_distance("black", "white") == pytest.approx(90, abs=1)
    assert colour_distance("blue", "purple") < 30 < colour_distance("grey", "white") < 45
