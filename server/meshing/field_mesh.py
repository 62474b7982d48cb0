"""From a trained field to an artist's mesh, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from server.errors import JobFailed
from server.meshing.arrays import Bools, Floats, MeshArrays, Triangles
from server.meshing.baking import Texture, bake
from server.meshing.cleaning import clean, is_watertight
from server.meshing.colours import vertex_colours
from server.meshing.export import Placement, as_arrays, place
from server.meshing.fields import Colour, Density, asking
from server.meshing.flattening import flatten, follow
from server.meshing.outlines import fit_outlines
from server.meshing.overview import choose_level, survey
from server.meshing.reduction import reduce
from server.meshing.surface import fill_hollows, sample_grid, soften, triangulate
from server.meshing.tangents import smooth_normals
from server.meshing.underside import Underside, underside_of
from server.meshing.unfolding import unfold
from server.meshing.unwrapping import ShouldStop, unwrap
from server.recipe import MeshRecipe

# Share of the time that each phase takes, measured on a field of 112^3 cells, for 20 000 faces and 1024^2 texels.
SHARES = {"Surface": 0.11, "Clean-up": 0.01, "Reduce": 0.4, "Colour": 0.02, "Unwrap": 0.17, "Bake": 0.29}
# Faces of the mesh whose sides are made flat, whatever is asked for: with fewer a bow has corners, and with more the
# normals of a wall do not hear of each other.
FLATTENED = 20_000
# How far flat sides lie outside of where they belong, in units of the ball's radius: fields that take light for paint
# are drawn towards the cameras while they form, and nothing but the outlines of their edges holds flat sides back.
LIFT = 0.005
# A texture with fewer texels a face shows less than colours at the vertices do.
LEAST_TEXELS = 8

OnPhase = Callable[[str, float], None]


@dataclass(frozen=True)
class FieldMesh:
    """A mesh and what is known of it.

    Attributes:
        mesh: in Blender's axes.
        texture: its pictures, or None when the recipe asks for none, or there were too many faces or pieces for one.
        placement: how it got there from field coordinates.
        report: "faces", "vertices", "watertight" (the surface, before seams split it), "raw_faces" (before reduction),
            "level" (density of the surface), "texture_size" (0 without a texture), "note" (why something asked for was
            not met, whether most was dust; or empty), "phases" (seconds of each) and "placement" (scale and offset).
    """

    mesh: MeshArrays
    texture: Texture | None
    placement: Placement
    report: dict[str, Any]


def mesh_field(
    density: Density,
    colour: Colour,
    recipe: MeshRecipe,
    on_phase: OnPhase,
    occupied: Bools | None = None,
    should_stop: ShouldStop = lambda: None,
    grain: float = 0.0,
    fixed_light: bool = False,
) -> FieldMesh:
    """Cut, clean, reduce, colour, unwrap, bake and place the mesh of a field.

    Args:
        density, colour, occupied: see fields.py and overview.py.
        on_phase: called at the start of every phase, and at the end, with the phase's name and the share in [0, 1] of
            the meshing that is done.
        should_stop: asked at the start of every phase and between its blocks; may raise Cancelled.
        grain: size of the smallest thing that the field can hold, in units of the ball's radius; 0 when not known.
        fixed_light: whether the field took the light of the priors' pictures for paint; what nobody saw of it is then
            lit as the rest (underside.py). Such fields are drawn towards their cameras: unless a level is chosen, flat
            sides are moved inwards by LIFT, and what half of the light does not reach is solid from less on.

    Raises:
        JobFailed: "nothing-solid", "field-broken" or "surface-too-noisy".
    """
    clock = _Phases(on_phase, should_stop)
    density, colour = asking(density, should_stop), asking(colour, should_stop)
    clock.enter("Surface")
    overview = survey(density, occupied)
    level = recipe.level or choose_level(density, overview)
    # Whoever chooses a level has chosen where the surface lies.
    drawn = fixed_light and not recipe.level
    grid = sample_grid(density, overview, recipe.resolution, level, half_light=drawn)
    # Filled again: the blur closes cracks around hollows that were open before.
    for make_better in (fill_hollows, lambda grid: soften(grid, grain), fill_hollows):
        should_stop()
        grid = make_better(grid)
    should_stop()
    raw = triangulate(grid)
    clock.enter("Clean-up")
    fine = clean(*raw)
    clock.enter("Reduce")
    uneven, between, _ = reduce(*fine, FLATTENED, should_stop)
    flat = flatten(uneven, between, should_stop)
    if not recipe.level:
        flat = fit_outlines(density, overview, flat, between, LIFT if drawn else 0.0, should_stop)
    fine = (follow(fine[0], uneven, flat), fine[1])
    flat = unfold(uneven, flat, between, should_stop)
    whole = (flat, between) if 0 < recipe.faces <= len(between) else fine
    vertices, triangles, reduced = reduce(*whole, recipe.faces, should_stop)
    clock.enter("Colour")
    colours = vertex_colours(density, colour, vertices, triangles)
    underside = None
    if fixed_light:
        underside = underside_of(density, colour, vertices, triangles)
        outward = smooth_normals(vertices, triangles)
        colours = underside.recolour(vertices, outward, colours, should_stop)
    placement = place(vertices)
    texture, untextured = None, ""
    if recipe.texture_size:
        texture, untextured = _texture(
            density, colour, (vertices, triangles), fine, underside, recipe.texture_size, clock
        )
    raw_faces, left = len(raw[1]), len(fine[1])
    dust = "" if 2 * left >= raw_faces else f"Most of the surface was dust: {left} faces are left."
    report = {
        "faces": len(triangles),
        "vertices": len(vertices),
        "level": level,
        "watertight": is_watertight(triangles),
        "raw_faces": raw_faces,
        "texture_size": recipe.texture_size if texture else 0,
        "note": " ".join(filter(None, [dust, reduced, untextured])),
        "phases": clock.leave(),
        "placement": asdict(placement),
    }
    return FieldMesh(as_arrays(vertices, triangles, colours, placement), texture, placement, report)


def _texture(
    density: Density,
    colour: Colour,
    mesh: tuple[Floats, Triangles],
    fine: tuple[Floats, Triangles],
    underside: Underside | None,
    size: int,
    clock: _Phases,
) -> tuple[Texture | None, str]:
    """The texture, and a note: how it differs from what was asked for, or why there is none."""
    faces = len(mesh[1])
    if faces * LEAST_TEXELS > size * size:
        return None, f"Coloured by vertices: {faces} faces are too many for a texture of {size} pixels."
    clock.enter("Unwrap")
    try:
        uv, note = unwrap(*mesh, size, clock.should_stop)
        clock.enter("Bake")
        return bake(density, colour, *mesh, uv, fine, size, underside, clock.should_stop), note
    except JobFailed as problem:
        if problem.code not in ("charts-do-not-fit", "texture-empty"):
            raise
        return None, f"Coloured by vertices: {problem.message}"


class _Phases:
    """Announces phases, times them, and asks before each whether to go on."""

    def __init__(self, on_phase: OnPhase, should_stop: ShouldStop) -> None:
        self.should_stop = should_stop
        self._on_phase = on_phase
        self._done = 0.0
        self._current = ""
        self._since = 0.0
        self._seconds: dict[str, float] = {}

    def enter(self, phase: str) -> None:
        self._close()
        self.should_stop()
        self._current, self._since = phase, time.perf_counter()
        self._on_phase(phase, self._done)

    def leave(self) -> dict[str, float]:
        last = self._current
        self._close()
        self._on_phase(last, 1.0)
        return self._seconds

    def _close(self) -> None:
        if self._current:
            self._seconds[self._current] = time.perf_counter() - self._since
            self._done += SHARES[self._current]
