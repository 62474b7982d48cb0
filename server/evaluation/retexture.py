"""Textures of meshes against the truth: a known object is stripped of its colours, textured again, and compared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from server.errors import BadRequest
from server.evaluation.colours import colour_error
from server.evaluation.measures import SurfacePoints, sample_surface
from server.evaluation.true_shapes import true_mesh
from server.evaluation.turntable import turntable
from server.meshing.arrays import Floats, MeshArrays, Triangles
from server.meshing.baking import Texture
from server.meshing.export import Placement
from server.meshing.given import GivenMesh, checked, given_bytes
from server.meshing.pictures import sample
from server.meshing.reduction import reduce
from server.meshing.shelf import MESHES
from server.meshing.unwrapping import unwrap
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio.assignment import Assignment
from server.studio.painted_mesh import look
from server.studio.retexture_job import Painted, bake, paint
from server.world.captions import KINDS, Caption
from server.world.shading import palette
from server.world.shapes import Material, distance_and_material, materials_of
from server.world.views import Views

FACES = 8000
POINTS = 20_000
# Somewhere else, and of another size, than the prior expects.
PLACEMENT = Placement(3.7, (20.0, -5.0, 1.0))
AZIMUTHS = [360.0 * turn / 12 for turn in range(12)]
VIEW_SIDE = 96


def evaluate_retexture(
    kinds: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    preset: str = "sketch",
    prior: str = "embedded",
    device: str = "cpu",
    pictures: Path | None = None,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Texture each kind with each seed, in its usual colours.

    Args:
        pictures: folder for a turntable of every mesh, or None.
        on_row: called after each.

    Returns:
        {"rows": [{"prompt", "seed", "colour_error" (to the true paint, CIE L*a*b*, mean over the surface), "grey_error"
                   (the same of a mesh that is all of one grey, for comparison), "view_error" (of the textured mesh to
                   the field's own render, mean over twelve views around it), "seam_error" (between the two sides of the
                   layout's seams), "unseen", "seconds", "denoiser_calls"}],
         "means": {measure: mean}}

    Raises:
        BadRequest: "shape-unknown".
    """
    chosen = list(KINDS if kinds is None else kinds)
    if unknown := [kind for kind in chosen if kind not in KINDS]:
        raise BadRequest("shape-unknown", f"There is no object {unknown[0]!r}.", f"There are {', '.join(KINDS)}.")
    model = load_prior(prior, device)
    rows = []
    for kind in chosen:
        for seed in seeds:
            rows.append(_row(kind, seed, preset, model, device, pictures))
            on_row(rows[-1])
    measures = [name for name in rows[0] if name not in ("prompt", "seed")] if rows else []
    return {"rows": rows, "means": {name: round(float(np.mean([row[name] for row in rows])), 4) for name in measures}}


def _row(kind: str, seed: int, preset: str, model: Prior, device: str, pictures: Path | None) -> dict[str, Any]:
    caption = Caption("mesh", kind, KINDS[kind].colour)
    mesh = stripped(kind)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        recipe = _recipe(caption.text(), seed, preset, model, MESHES.put(folder, given_bytes(mesh)))
        asked = Assignment(recipe, model, folder, lambda event: None, lambda: None, device, None, 1, folder)
        painted = paint(asked)
        texture, shares = bake(painted, asked)
    position = PLACEMENT.invert(mesh.position)
    points = sample_surface(position, mesh.triangle, POINTS, np.random.default_rng(0))
    truth = _true_paint(caption, points.position)
    scores = {
        "colour_error": colour_error(_shown(texture, mesh, points), truth),
        "grey_error": colour_error(np.full_like(truth, 0.5), truth),
        "view_error": _view_error(painted, texture),
        "seam_error": _seam_error(mesh, texture),
        "unseen": shares["unseen"],
        "seconds": painted.outcome.seconds,
    }
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        _picture(mesh, texture, pictures / f"{kind}-{seed}.png")
    rounded = {name: round(value, 4) for name, value in scores.items()}
    return {"prompt": recipe.prompt, "seed": seed, **rounded, "denoiser_calls": painted.outcome.denoiser_calls}


def _recipe(prompt: str, seed: int, preset: str, model: Prior, mesh: str) -> Recipe:
    asked = {"kind": "retexture", "prompt": prompt, "seed": seed, "preset": preset, "prior": model.card.name}
    return read_recipe({**asked, "retexture": {"mesh": mesh}})


@cache
def stripped(kind: str) -> GivenMesh:
    """A procedural object as an artist might have modelled it: unwrapped, without any colour."""
    vertices, triangles, _ = reduce(*true_mesh(kind), FACES)
    uv, _ = unwrap(vertices, triangles, 1024)
    arrays = {"position": PLACEMENT.apply(vertices), "triangle": triangles.astype(np.int32), "uv": uv}
    return checked(arrays)


def _true_paint(caption: Caption, points: NDArray[np.float64]) -> Floats:
    """sRGB colours float32 [N, 3] in [0, 1] of the object's paint, without light."""
    materials = materials_of(caption.name)
    paints = torch.zeros(len(Material), 3)
    paints[[int(material) for material in materials]] = palette(caption, materials)
    _, material = distance_and_material(caption.name, torch.from_numpy(points.astype(np.float32)))
    found: Floats = paints[material.long()].numpy()
    return found


def _shown(texture: NDArray[np.uint8], mesh: GivenMesh, points: SurfacePoints) -> Floats:
    return sample(texture, _blend(mesh.uv, points.triangle, points.weights))


def _view_error(painted: Painted, texture: NDArray[np.uint8]) -> float:
    mesh, fitted = painted.mesh, painted.fitted
    errors = []
    for azimuth in AZIMUTHS:
        seen = look(mesh, fitted, Views.orbit([azimuth]), VIEW_SIDE)
        field = painted.subject.colour(seen.point.numpy())
        errors.append(colour_error(sample(texture, seen.uv.numpy()), field))
    return float(np.mean(errors))


def _seam_error(mesh: GivenMesh, texture: NDArray[np.uint8]) -> float:
    """Mean colour difference between the two sides of the layout's seams; 0 without seams."""
    sides = seams(mesh.triangle, mesh.uv)
    return colour_error(*(sample(texture, side) for side in sides)) if len(sides[0]) else 0.0


def seams(triangle: Triangles, uv: Floats) -> tuple[Floats, Floats]:
    """Places [N, 2] on the layout of the middles of edges that two faces share and that lie apart there, for each."""
    ends = np.stack([triangle, np.roll(triangle, -1, 1)], -1).reshape(-1, 2)
    middle = ((uv + np.roll(uv, -1, 1)) / 2).reshape(-1, 2)
    key = np.sort(ends, 1).astype(np.int64) @ np.array([int(triangle.max()) + 1, 1])
    order = np.argsort(key, kind="stable")
    first, second = order[:-1], order[1:]
    pair = (key[first] == key[second]) & (np.abs(middle[first] - middle[second]).max(1) > 1e-4)
    return middle[first[pair]], middle[second[pair]]


def _blend(corners: Floats, triangle: NDArray[np.int64], weights: NDArray[np.float64]) -> Floats:
    blended: Floats = np.einsum("nc,ncv->nv", weights, corners[triangle]).astype(np.float32)
    return blended


def _picture(mesh: GivenMesh, texture: NDArray[np.uint8], path: Path) -> None:
    white = np.full((len(mesh.position), 4), 255, np.uint8)
    flat = np.full_like(texture, (128, 128, 255))
    turntable(MeshArrays(mesh.position, mesh.triangle, white), path, texture=Texture(mesh.uv, texture, flat))
