"""Fewer faces, the same shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fast_simplification
import numpy as np

from server.meshing.arrays import Floats, Triangles
from server.meshing.cleaning import drop_degenerate, drop_folds, is_watertight
from server.meshing.pinches import part_pinches
from server.meshing.surface import signed_volume

# Tried in turn until the result is closed: (faces as a share of the budget, aggressiveness). Whether a collapse pinches
# the surface somewhere is a matter of luck, so a slightly different number of faces usually helps; small aggressiveness
# takes smaller steps between error thresholds and folds fewer faces over.
ATTEMPTS = ((1.0, 7.0), (0.97, 7.0), (0.94, 7.0), (1.0, 3.0))
# Faces that are gone through before it is given up, a second for some 60 000 of them. Clean surfaces of any size take
# one attempt; it is noise that breaks again and again.
MOST_FACES_TRIED = 1_200_000

# A closed mesh that lost or gained more than this share of its volume has collapsed.
VOLUME_TOLERANCE = 0.1


def reduce(
    vertices: Floats, triangles: Triangles, faces: int, ask: Callable[[], Any] = lambda: None
) -> tuple[Floats, Triangles, str]:
    """Quadric edge collapse (Garland and Heckbert 1997) down to about `faces` triangles; 0 keeps all.

    Args:
        ask: called between attempts; may raise.

    Returns:
        Vertices, triangles, and a note: empty, or why the budget was not met. A watertight mesh stays watertight and
        keeps its volume: when a reduction breaks it, a milder one is tried, and in the end the mesh is kept as it was.
    """
    if faces == 0 or len(triangles) <= faces:
        return vertices, triangles, ""
    was_closed = is_watertight(triangles)
    tried = max(1, min(len(ATTEMPTS), MOST_FACES_TRIED // len(triangles)))
    attempts = [(int(faces * share), aggressiveness) for share, aggressiveness in ATTEMPTS[:tried]]
    # The last resort meets the budget half way.
    for target, aggressiveness in [*attempts, ((len(triangles) + faces) // 2, 3.0)]:
        ask()
        points, indices = fast_simplification.simplify(vertices, triangles, target_count=target, agg=aggressiveness)
        whole = drop_degenerate(points.astype(np.float32), indices.astype(np.int32))
        fewer = part_pinches(*drop_folds(*whole))
        if not was_closed or _same_solid((vertices, triangles), fewer):
            kept = len(fewer[1])
            return *fewer, "" if kept <= faces else f"Kept {kept} faces: fewer would have broken the surface."
    return vertices, triangles, f"Kept all {len(triangles)} faces: fewer would have broken the surface."


def _same_solid(before: tuple[Floats, Triangles], after: tuple[Floats, Triangles]) -> bool:
    volume = signed_volume(*before)
    return is_watertight(after[1]) and abs(signed_volume(*after) - volume) <= VOLUME_TOLERANCE * abs(volume)
