"""From a trained field to an artist's mesh, phase by phase."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from server.meshing.cleaning import clean, is_watertight
from server.meshing.colours import vertex_colours
from server.meshing.export import Placement, as_arrays, place
from server.meshing.fields import Bools, Colour, Density
from server.meshing.overview import choose_level, survey
from server.meshing.reduction import reduce
from server.meshing.surface import fill_hollows, sample_grid, soften, triangulate
from server.recipe import MeshRecipe
from server.studio.events import MeshArrays, OnEvent, Progress

# Share of the finishing time each phase takes, measured on a field of 112^3 cells reduced to 20 000 faces.
SHARES = {"Surface": 0.65, "Clean-up": 0.08, "Reduce": 0.17, "Colour": 0.10}


@dataclass(frozen=True)
class FinishedMesh:
    """A mesh and what is known of it.

    Attributes:
        mesh: in Blender's axes.
        placement: how it got there from field coordinates.
        report: "faces", "vertices", "watertight", "raw_faces" (before reduction), "level" (density of the surface),
            "note" (why the face budget was not met, whether most was dust; or empty), "phases" (seconds of each) and
            "placement" (scale and offset).
    """

    mesh: MeshArrays
    placement: Placement
    report: dict[str, Any]


def finish(
    density: Density,
    colour: Colour,
    recipe: MeshRecipe,
    on_event: OnEvent,
    fractions: tuple[float, float] = (0.0, 1.0),
    occupied: Bools | None = None,
) -> FinishedMesh:
    """Cut, clean, reduce, colour and place the mesh of a field.

    Args:
        density, colour, occupied: see fields.py and overview.py.
        on_event: receives one Progress at the start of every phase and one at the end.
        fractions: the part of the job's progress bar that is ours.

    Raises:
        JobFailed: "nothing-solid" or "field-broken".
    """
    clock = _Phases(on_event, fractions)
    clock.enter("Surface")
    overview = survey(density, occupied)
    level = choose_level(density, overview)
    grid = fill_hollows(sample_grid(density, overview, recipe.resolution, level))
    # Filled again: the blur closes cracks around hollows that were open before.
    vertices, triangles = triangulate(fill_hollows(soften(grid)))
    raw_faces = len(triangles)
    clock.enter("Clean-up")
    vertices, triangles = clean(vertices, triangles)
    dust = "" if 2 * len(triangles) >= raw_faces else f"Most of the surface was dust: {len(triangles)} faces are left."
    clock.enter("Reduce")
    vertices, triangles, note = reduce(vertices, triangles, recipe.faces)
    clock.enter("Colour")
    colours = vertex_colours(density, colour, vertices, triangles)
    placement = place(vertices)
    mesh = as_arrays(vertices, triangles, colours, placement)
    report = {
        "faces": len(triangles),
        "vertices": len(vertices),
        "level": level,
        "watertight": is_watertight(triangles),
        "raw_faces": raw_faces,
        "note": " ".join(filter(None, [dust, note])),
        "phases": clock.leave(),
        "placement": asdict(placement),
    }
    return FinishedMesh(mesh, placement, report)


class _Phases:
    """Announces phases and times them."""

    def __init__(self, on_event: OnEvent, fractions: tuple[float, float]) -> None:
        self._on_event = on_event
        self._start, end = fractions
        self._span = end - self._start
        self._done = 0.0
        self._current = ""
        self._since = 0.0
        self._seconds: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        self._close()
        self._current, self._since = phase, time.perf_counter()
        self._on_event(Progress(phase, self._start + self._span * self._done))

    def leave(self) -> dict[str, float]:
        last = self._current
        self._close()
        self._on_event(Progress(last, self._start + self._span))
        return self._seconds

    def _close(self) -> None:
        if self._current:
            self._seconds[self._current] = time.perf_counter() - self._since
            self._done += SHARES[self._current]
