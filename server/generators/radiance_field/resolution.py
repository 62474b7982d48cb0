"""How large the field is rendered while it forms: a blur needs few pixels, and pixels cost memory and time."""

from __future__ import annotations

SMALL, MIDDLE = 64, 256
SMALL_UNTIL, MIDDLE_UNTIL = 0.4, 0.75
# A field that fills much of its ball is still a cloud: its rays hold many samples, and more pixels show no more of it.
MOST_FOR_MIDDLE, MOST_FOR_LARGE = 0.4, 0.25


def side_at(progress: float, final: int, occupied: float) -> int:
    """Pixels per side at a share of the steps done.

    Args:
        progress: share of the steps done, in [0, 1].
        final: pixels per side at the end; up to 64 the first part is rendered at half of it, larger ones grow through
            64 and 256.
        occupied: share of the occupancy grid's cells that are not empty, in [0, 1].
    """
    if progress < SMALL_UNTIL:
        return final // 2 if final <= SMALL else SMALL
    if final <= SMALL:
        return final
    if occupied > MOST_FOR_MIDDLE:
        return SMALL
    if progress < MIDDLE_UNTIL or occupied > MOST_FOR_LARGE:
        return min(final, MIDDLE)
    return final
