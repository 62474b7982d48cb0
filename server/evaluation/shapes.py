"""Make known objects from their prompts and compare the meshes with the true shapes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from server.evaluation.colours import ColouredMesh, colour_error, true_colours
from server.evaluation.compared import load_compared
from server.evaluation.faces import faces
from server.evaluation.kept_rows import KeptRows, run_name
from server.evaluation.measures import (
    chamfer,
    iou,
    match,
    normal_consistency,
    outlines,
    seen_points,
    silhouette_iou,
    voxelise,
)
from server.evaluation.methods import within_budget
from server.evaluation.planarity import planarity
from server.evaluation.true_shapes import VOXELS, true_mesh, true_outlines, true_places, true_voxels
from server.evaluation.turntable import turntable
from server.evaluation.variants import Variant
from server.files import noted
from server.meshing.arrays import MeshArrays
from server.meshing.baking import Texture
from server.meshing.colours import vertex_colours
from server.meshing.export import Placement, read_npz, read_texture
from server.meshing.fields import from_torch
from server.meshing.surface import extract_surface
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio.checkpoint import KeptField, load_field
from server.studio.events import Event, Log
from server.studio.kept_names import FIELD
from server.studio.mesh_files import MAPS
from server.studio.plan import plan_of, without_effect
from server.studio.production import produce
from server.studio.unformed import UNFORMED
from server.training.view_judge import ViewJudge
from server.world.captions import KINDS, Caption, read_caption

SCORES = (
    "volume_iou",
    "silhouette_iou",
    "chamfer",
    "normal_consistency",
    "planarity",
    "colour_error",
    "seen_colour_error",
)
RAW = "raw_"
FACES = ("janus", "facing")
MEASURES = (*SCORES, *FACES, UNFORMED, "seconds", "denoiser_calls", *(RAW + score for score in SCORES))


def compare(mesh: ColouredMesh, caption: Caption) -> dict[str, float | None]:
    """Scores of a mesh against the true object that a caption names.

    Returns:
        "volume_iou", "silhouette_iou" and "normal_consistency" in [0, 1], higher is better; "chamfer" in units of the
        ball's radius, "planarity" in degrees (None for kinds without flat sides; see planarity.py) and "colour_error"
        in units of CIE L*a*b*, lower is better. Pose and size count: nothing is aligned first. Colours are compared at
        points of the made surface with the nearest point of the true one, lit as the priors' pictures are: the error
        includes what the field got wrong, what the mesh lost of it, and parts that are not where they belong, but not
        that light is taken for paint. "seen_colour_error" is the same in pictures from all sides: what no camera of
        the priors' law sees, the ground side of a cube, counts in the one and not in the other.
    """
    made = (mesh.vertices, mesh.triangles)
    matched = match(made, true_mesh(caption.name))
    painted, true = mesh.colours_at(matched.first), true_colours(caption, matched.beside_first.position)
    seen, places = seen_points(*made), true_places(caption.name)
    nearest = places.data[places.query(seen.position)[1]]
    return {
        "volume_iou": iou(voxelise(*made, VOXELS), true_voxels(caption.name)),
        "silhouette_iou": silhouette_iou(outlines(*made), true_outlines(caption.name)),
        "chamfer": chamfer(matched),
        "normal_consistency": normal_consistency(matched),
        "planarity": planarity(matched, caption.name),
        "colour_error": colour_error(painted, true),
        "seen_colour_error": colour_error(mesh.colours_at(seen), true_colours(caption, nearest)),
    }


def meshed_surface(mesh: MeshArrays, texture: Texture | None, placement: Placement) -> ColouredMesh:
    """The mesh of a field, taken back to field axes."""
    colours = (mesh.colour[:, :3] / 255).astype(np.float32)
    return ColouredMesh(placement.invert(mesh.position), mesh.triangle, colours, texture)


def raw_surface(kept: KeptField, resolution: int, level: float, device: str = "cpu") -> ColouredMesh:
    """The bare iso-surface of a field, every face of it, coloured at the vertices: what meshing starts from.

    Args:
        resolution, level: as server.meshing.surface.extract_surface.
    """
    density, colour = from_torch(kept.field.density, device), from_torch(kept.field.colour, device)
    surface = extract_surface(density, resolution, level, kept.occupied.cpu().numpy())
    return ColouredMesh(*surface, vertex_colours(density, colour, *surface))


def evaluate_shapes(
    prompts: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    methods: Sequence[str | Variant] = ("msd",),
    prior: str = "embedded",
    device: str = "cpu",
    settings: dict[str, Any] | None = None,
    calls: int | None = None,
    pictures: Path | None = None,
    on_row: Callable[[dict[str, Any]], None] = lambda row: None,
    judge: ViewJudge | None = None,
    kept: KeptRows | None = None,
) -> dict[str, Any]:
    """Make every prompt with every method and seed, and compare.

    Args:
        prompts: each must be readable by priors.captions.read_caption as a mesh; that gives the true shape, whichever
            prior makes it. None: one for every known object, in its usual colour.
        methods: keys of server.evaluation.methods.METHODS, or variants of them.
        prior: as `load_compared`.
        settings: further recipe fields for all runs ("preset", "steps", "guidance", "mesh", ...).
        calls: denoiser calls that each run may make, in place of a number of steps, unless its variant says how many;
            None: as many as its steps need.
        pictures: folder for a turntable of each mesh, or None.
        on_row: called after each run.
        judge: tells from which side pictures show a mesh; None: faces are not counted.
        kept: every row is added to it as soon as it is known, and rows that are there already are not made again. It
            knows of other recipes, cards and versions, but not of a change of the program's code.

    Returns:
        {"rows": [{"prompt", "seed", "method" (of a variant its name), "volume_iou", "silhouette_iou", "chamfer",
                   "normal_consistency", "planarity", "colour_error", "janus" and "facing" (see faces.py; None without a
                   judge), "unformed" (whether it still looks as before the first step), "seconds", "denoiser_calls",
                   "warnings" (of the job, as sentences), the six scores of the bare iso-surface, before cleaning,
                   smoothing, reduction and baking, as "raw_volume_iou", ..., and "run", a name of the recipe}],
         "means": {method: {measure: mean over prompts and seeds, over those that have it; None where none has}},
         "meshing_cost": {method: mean volume IoU that meshing lost},
         "warnings": sentences about pictures that could not be written, and about settings that a method is deaf to,
         "spread": {method: {measure: standard deviation over seeds of the mean over prompts}}, with several seeds}

    Raises:
        BadRequest: a prompt that cannot be read, or settings that are no recipe; before anything is made.
    """
    if prompts is None:
        prompts = [Caption("mesh", name, kind.colour).text() for name, kind in KINDS.items()]
    captions = {prompt: read_caption(prompt, "mesh", "This evaluation") for prompt in prompts}
    compared = [Variant(method) if isinstance(method, str) else method for method in methods]
    planned = [
        (variant, _recipe(prompt, seed, variant, prior, settings or {}))
        for variant in compared
        for prompt in prompts
        for seed in seeds
    ]
    model = load_compared(prior, device)
    kept = KeptRows(None) if kept is None else kept
    rows = []
    warnings: list[str] = []
    for variant, asked in planned:
        if ignored := without_effect(asked, plan_of(asked, model.card)):
            said = f"{variant.name}: the rule does not listen to {', '.join(ignored)}."
            warnings += [said] if said not in warnings else []
        budget = calls if variant.calls is None else variant.calls
        recipe = asked if budget is None else within_budget(asked, model.card, budget)
        run = run_name(recipe, model.card)
        row = kept.get(run)
        if row is None:
            row = _make(recipe, variant.name, captions[recipe.prompt], model, device, judge, pictures, warnings)
            kept.add({**row, "run": run})
        rows.append(kept[run])
        on_row(rows[-1])
    names = list(dict.fromkeys(variant.name for variant in compared))
    means = {name: _means(rows, name) for name in names}
    result: dict[str, Any] = {
        "rows": rows,
        "means": means,
        "meshing_cost": {name: _meshing_cost(means[name]) for name in names},
        "warnings": warnings,
    }
    if len(seeds) > 1:
        result["spread"] = {name: _spread(rows, name) for name in names}
    return result


def _make(
    recipe: Recipe,
    name: str,
    caption: Caption,
    model: Prior,
    device: str,
    judge: ViewJudge | None,
    pictures: Path | None,
    warnings: list[str],
) -> dict[str, Any]:
    """A row, without the name of its run."""
    said: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Log) and event.level == "warning":
            said.append(event.message)

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        report = produce(recipe, model, folder, listen, lambda: None, device)
        mesh = read_npz(folder / "mesh.npz")
        texture = read_texture(folder / "mesh.npz", *(folder / picture for picture in MAPS))
        field = load_field(folder / FIELD, device)
    placement = Placement(report["placement"]["scale"], tuple(report["placement"]["offset"]))
    after = compare(meshed_surface(mesh, texture, placement), caption)
    before = compare(raw_surface(field, recipe.mesh.resolution, report["level"], device), caption)
    if pictures is not None:
        stem = "-".join(re.sub(r"\W+", "-", part).strip("-")[:100] for part in (recipe.prompt, name))
        with noted(warnings):
            pictures.mkdir(parents=True, exist_ok=True)
            turntable(mesh, pictures / f"{stem}-{recipe.seed}.png", texture=texture)
    return {
        "prompt": recipe.prompt,
        "seed": recipe.seed,
        "method": name,
        **_rounded(after),
        **_rounded(dict.fromkeys(FACES) if judge is None else faces(judge, mesh, texture, caption.name)),
        UNFORMED: report.get("warning") == UNFORMED,
        "seconds": report["seconds"],
        "denoiser_calls": report["denoiser_calls"],
        "warnings": said,
        **{RAW + score: value for score, value in _rounded(before).items()},
    }


def planned_runs(prompts: Sequence[str] | None, seeds: Sequence[int], methods: Sequence[str | Variant]) -> int:
    """How many meshes `evaluate_shapes` will make."""
    return len(KINDS if prompts is None else prompts) * len(seeds) * len(methods)


def _recipe(prompt: str, seed: int, variant: Variant, prior: str, settings: dict[str, Any]) -> Recipe:
    guidance = {**settings.get("guidance", {}), **variant.guidance()}
    asked = {"kind": "mesh", "prompt": prompt, "seed": seed, "prior": prior, "guidance": guidance}
    return read_recipe({**settings, **asked})


def _rounded(scores: dict[str, float | None]) -> dict[str, float | None]:
    return {score: None if value is None else round(value, 4) for score, value in scores.items()}


def _means(rows: list[dict[str, Any]], method: str) -> dict[str, Any]:
    found = {m: [row[m] for row in rows if row["method"] == method and row[m] is not None] for m in MEASURES}
    return {measure: round(float(np.mean(values)), 4) if values else None for measure, values in found.items()}


def _meshing_cost(means: dict[str, Any]) -> float:
    return round(means[f"{RAW}volume_iou"] - means["volume_iou"], 4)


def _spread(rows: list[dict[str, Any]], method: str) -> dict[str, Any]:
    by_seed = [
        _means([row for row in rows if row["seed"] == seed], method) for seed in sorted({row["seed"] for row in rows})
    ]
    found = {measure: [of[measure] for of in by_seed if of[measure] is not None] for measure in MEASURES}
    return {m: round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else None for m, values in found.items()}
