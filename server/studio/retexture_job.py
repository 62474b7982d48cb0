"""From a recipe and a mesh that is there already to its texture, on the UV layout that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.hash_grid import choose_backend
from server.meshing.arrays import Floats
from server.meshing.given import GivenMesh
from server.meshing.layout import Layout, lay_out, without_area
from server.meshing.shelf import MESHES
from server.png import write_png
from server.studio.assignment import Assignment, account, render_side
from server.studio.climb import step_generator
from server.studio.events import Log, PreviewImage, Progress
from server.studio.field_plan import field_plan
from server.studio.fitting import Fitted, fit
from server.studio.material import COLOUR
from server.studio.narration import LOADED, OPTIMISED, Narrator
from server.studio.optimisation import Outcome
from server.studio.painted_mesh import PaintedMesh, look
from server.studio.plan import render_size_of
from server.studio.thumbnail import painted_sides
from server.studio.toning import tone_down

PREVIEW_SIDE = 256
# What so many cameras of the prior's law do not see was never painted.
WITNESSES, WITNESS_SIDE = 48, 96
# In field units: two of their pixels.
UNSEEN = 0.05
# Texels that show places farther from each other, in field units, are shared by islands.
APART = 0.02
WORTH_SAYING = 0.005


@dataclass(frozen=True)
class Painted:
    """A mesh whose colours were optimised."""

    mesh: GivenMesh
    fitted: Fitted
    subject: PaintedMesh
    outcome: Outcome


def make_retexture(asked: Assignment) -> dict[str, Any]:
    """Optimise the colours of a mesh and bake them into its layout. Returns the report."""
    painted = paint(asked)
    outcome = painted.outcome
    asked.leave_if_asked()
    asked.on_event(Progress("Bake", OPTIMISED, outcome.steps, asked.recipe.steps, None, outcome.denoiser_calls))
    pixels, shares = bake(painted, asked)
    asked.leave_if_asked()
    write_png(asked.folder / COLOUR, pixels, asked.recipe.model_dump_json())
    for name, share in shares.items():
        if share > WORTH_SAYING:
            asked.warn(_SAID[name].format(share))
    return {
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "faces": len(painted.mesh.triangle),
        **{name: round(share, 4) for name, share in shares.items()},
        **account(outcome),
        "artifacts": [COLOUR],
    }


def paint(asked: Assignment) -> Painted:
    """Optimise the colours of the mesh that the recipe names."""
    recipe, card, device = asked.recipe, asked.prior.card, asked.device
    mesh = MESHES.get(asked.given, recipe.retexture.mesh)
    backend = choose_backend(device)
    if backend.name == "torch":
        asked.on_event(Log("warning", backend.why))
    fitted = fit(mesh, recipe.prompt, card)
    side = render_side(recipe, render_size_of(recipe, card, device))
    plan, generator = field_plan(card, device), step_generator(recipe.seed, 0)
    subject = PaintedMesh(mesh, fitted, card, plan, recipe.views_per_step, side, generator, device, recipe.seed)
    small = _Places(mesh, fitted, *_smaller(*_sides(mesh, recipe.retexture.size)))

    def preview() -> None:
        asked.on_event(PreviewImage(small.paint(subject)))

    narrator = Narrator("Painting", asked.on_event, preview, (LOADED, OPTIMISED))
    outcome = asked.optimise(
        subject, narrator, asked.kept_start(subject), lambda: painted_sides(mesh, small.paint(subject))
    )
    subject.field.settle()
    outcome = tone_down(subject, asked, outcome)
    return Painted(mesh, fitted, subject, outcome)


def bake(painted: Painted, asked: Assignment) -> tuple[NDArray[np.uint8], dict[str, float]]:
    """The texture uint8 [H, W, 3], and which shares of it or of the mesh are not as one may expect."""
    mesh, fitted = painted.mesh, painted.fitted
    places = _Places(mesh, fitted, *_sides(mesh, asked.recipe.retexture.size), asked.leave_if_asked)
    unseen = places.look_away(_witnessed(mesh, fitted, asked))
    shared = places.layout.shared(places.points, APART)
    return places.paint(painted.subject), {"shared": shared, "without_area": without_area(mesh), "unseen": unseen}


_SAID = {
    "shared": "Islands lie over each other: {:.0%} of the texture is shared by different places, which show one mix.",
    "without_area": "{:.0%} of the faces have no area in the UV layer, and show the colour of one point.",
    "unseen": "{:.0%} of the texture is seen by no camera; it repeats what is nearest to it.",
}


class _Places:
    """The places of the surface that a picture of the mesh's layout shows."""

    def __init__(
        self, mesh: GivenMesh, fitted: Fitted, width: int, height: int, ask: Callable[[], None] = lambda: None
    ) -> None:
        self.layout: Layout = lay_out(mesh, width, height, ask)
        self.points = self.layout.interpolate(fitted.position[mesh.triangle])
        self._looked_at = self.points
        self._before = None if mesh.before is None else _resized(mesh.before, width, height)

    def look_away(self, seen: Floats) -> float:
        """Take, for places that are far from all `seen` ones [N, 3], the colour of the nearest of those. Returns their
        share of the places."""
        distance, nearest = cKDTree(seen).query(self.points, workers=-1)
        far = distance > UNSEEN
        self._looked_at = np.where(far[:, None], seen[nearest], self.points).astype(np.float32)
        return float(far.mean())

    def paint(self, subject: PaintedMesh) -> NDArray[np.uint8]:
        """uint8 [height, width, 3]."""
        return self.layout.paint(subject.colour(self._looked_at), self._before)


def _sides(mesh: GivenMesh, size: int) -> tuple[int, int]:
    """Width and height of the picture: an old one keeps its own."""
    return (size, size) if mesh.before is None else (mesh.before.shape[1], mesh.before.shape[0])


def _smaller(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, PREVIEW_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if picture.shape[:2] == (height, width):
        return picture
    rows = (np.arange(height) * picture.shape[0]) // height
    columns = (np.arange(width) * picture.shape[1]) // width
    return picture[rows[:, None], columns]


def _witnessed(mesh: GivenMesh, fitted: Fitted, asked: Assignment) -> Floats:
    """Points [N, 3] of the surface that cameras see."""
    points = []
    generator = step_generator(asked.recipe.seed, 0)
    painted = replace(mesh, before=None)
    for number in range(WITNESSES):
        asked.leave_if_asked()
        views = draw_views(asked.prior.card.cameras, 1, number, generator)
        points.append(look(painted, fitted, views, WITNESS_SIDE).point.numpy())
    return np.concatenate(points)
