"""Is texture mode good enough to be sold? Seamless textures as a person gets them, judged and compared with samples.

python -m server evaluate textures
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from server.errors import BadRequest
from server.evaluation.colour_pairs import PAIRS, colour_pairs
from server.evaluation.kept_rows import KeptRows, Row, run_name
from server.evaluation.methods import guidance_of, within_budget
from server.evaluation.texture_gates import summarise
from server.evaluation.texture_looks import Reference, draw_reference, examine
from server.evaluation.texture_sheets import picture_name, read_picture, save_map_sheets, save_sheets
from server.materials.names import map_path
from server.priors.denoiser import Prior
from server.recipe import MapName, Recipe, read_recipe
from server.studio.events import Event, Log
from server.studio.production import produce
from server.training.judge import Judge
from server.world.captions import PATTERNS, Caption


@dataclass(frozen=True)
class Run:
    """One texture to be made. `method` is a key of server.evaluation.methods.METHODS."""

    caption: Caption
    method: str
    recipe: Recipe


def plan_runs(
    patterns: Sequence[str] = tuple(PATTERNS),
    pairs: int = PAIRS,
    seeds: Sequence[int] = (0, 1, 2),
    presets: Sequence[str] = ("sketch", "standard"),
    methods: Sequence[str] = ("msd",),
    noises: Sequence[str | None] = (None,),
    prior: str = "embedded",
    size: int = 256,
    guidance: Mapping[str, Any] = MappingProxyType({}),
    maps: Sequence[MapName] = (),
) -> list[Run]:
    """Every pattern in its first `pairs` of `colour_pairs`, with every seed, preset, method and noise.

    Args:
        patterns: keys of PATTERNS.
        methods: keys of server.evaluation.methods.METHODS.
        noises: None leaves the noise to the prior.
        size: pixels per side; the texture tiles in both directions.
        guidance: further fields of every recipe's guidance; a method's own come first.
        maps: beside every texture.

    Raises:
        BadRequest: an unknown method, no runs at all, or what is no recipe.
    """
    runs = [
        Run(caption, method, _recipe(caption, seed, preset, prior, size, _guidance(guidance, method, noise), maps))
        for preset in presets
        for method in methods
        for noise in noises
        for seed in seeds
        for name in patterns
        for caption in [Caption("texture", name, *pair) for pair in colour_pairs(name)[:pairs]]
    ]
    if not runs:
        raise BadRequest("nothing-asked", "Without any pairs of colours or seeds there is nothing to make.")
    return runs


def planned_steps(runs: Sequence[Run]) -> int:
    """How often `on_step` of `evaluate_textures` is called: for each prompt's samples, and for each run."""
    return len({run.recipe.prompt for run in runs}) + len(runs)


def evaluate_textures(
    runs: Sequence[Run],
    prior: Prior,
    judge: Judge,
    device: str = "cpu",
    calls: int | None = None,
    pictures: Path | None = None,
    kept: KeptRows | None = None,
    on_step: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Make every texture, read the picture that a person gets, and judge it.

    Args:
        prior: the one that the recipes name, loaded.
        calls: denoiser calls that each run may make, in place of the preset's steps; none starts twice then.
        pictures: folder for every texture, and for a sheet of each preset, method and noise; or None.
        kept: every row is added to it as soon as it is known, and rows that are there already are not made again. It
            knows of other recipes, cards and versions, but not of a change of the program's code.

    Returns:
        {"rows": [{"pattern", "colours": [first, second], "prompt", "seed", "preset", "method", "noise",
                   "name_right", "colours_right", "right", "seen" (what the judge says most often),
                   "contrast" (over that of the prior's own samples of the prompt), "contrast_ok",
                   "spectrum" (distance from that of those samples, in dB), "usual_spectrum" (distance of one of those
                   samples from the others), "seam_ratio", "map_seam_ratios" (of runs with
                   maps: {map: ratio}), "seconds", "denoiser_calls", "warnings" (of the job, as
                   sentences), "run" (name of the recipe)}],
         "summary", "failed": as `summarise`}
    """
    if calls is not None:
        runs = [replace(run, recipe=within_budget(run.recipe, prior.card, calls)) for run in runs]
    kept = KeptRows(None) if kept is None else kept
    planned = {run_name(run.recipe, prior.card): run for run in runs}
    missing = {name: run for name, run in planned.items() if not _is_kept(kept.get(name), pictures)}
    # The sheets show one sample for each pattern.
    shown = {} if pictures is None else _first_prompts(runs)
    wanted = {run.recipe.prompt for run in missing.values()} | set(shown.values())
    samples = {}
    for prompt in dict.fromkeys(run.recipe.prompt for run in runs):
        if prompt in wanted:
            samples[prompt] = draw_reference(prior, prompt, runs[0].recipe.texture.width, device)
        on_step()
    for name, run in planned.items():
        if name in missing:
            most_starts = 1 if calls is not None else 2
            row = _make(run, prior, samples[run.recipe.prompt], judge, device, pictures, most_starts)
            kept.add({**row, "run": name})
        on_step()
    rows = [kept[name] for name in planned]
    if pictures is not None:
        save_map_sheets(rows, pictures)
        save_sheets(rows, {pattern: samples[prompt].first for pattern, prompt in shown.items()}, pictures)
    return {"rows": rows, **summarise(rows)}


def _first_prompts(runs: Sequence[Run]) -> dict[str, str]:
    """The first prompt of every pattern."""
    found: dict[str, str] = {}
    for run in runs:
        found.setdefault(run.caption.name, run.recipe.prompt)
    return found


def _guidance(asked: Mapping[str, Any], method: str, noise: str | None) -> dict[str, Any]:
    return {**asked, **guidance_of(method), **({} if noise is None else {"noise": noise})}


def _recipe(
    caption: Caption,
    seed: int,
    preset: str,
    prior: str,
    size: int,
    guidance: dict[str, Any],
    maps: Sequence[MapName],
) -> Recipe:
    return read_recipe(
        {
            "kind": "texture",
            "prompt": caption.text(),
            "seed": seed,
            "prior": prior,
            "preset": preset,
            "guidance": guidance,
            "texture": {"width": size, "height": size, "tile_x": True, "tile_y": True, "maps": list(maps)},
        }
    )


def _is_kept(row: Row | None, pictures: Path | None) -> bool:
    return row is not None and (pictures is None or (pictures / picture_name(row)).exists())


def _make(
    run: Run,
    prior: Prior,
    reference: Reference,
    judge: Judge,
    device: str,
    pictures: Path | None,
    most_starts: int,
) -> Row:
    """A row, without the name of its run; the picture goes into `pictures`."""
    warnings: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Log) and event.level == "warning":
            warnings.append(event.message)

    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "texture.png"
        report = produce(run.recipe, prior, Path(name), listen, lambda: None, device, most_starts=most_starts)
        row = {
            "pattern": run.caption.name,
            "colours": [run.caption.colour, run.caption.second],
            "prompt": run.recipe.prompt,
            "seed": run.recipe.seed,
            "preset": run.recipe.preset,
            "method": run.method,
            "noise": report.get("noise", "fresh"),
            **examine(read_picture(made), run.caption, judge, reference),
            "seam_ratio": report["seam_ratio"],
            **({"map_seam_ratios": report["map_seam_ratios"]} if report["map_seam_ratios"] else {}),
            "seconds": report["seconds"],
            "denoiser_calls": report["denoiser_calls"],
            "warnings": warnings,
        }
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, pictures / picture_name(row))
            for each in run.recipe.texture.maps:
                shutil.copyfile(map_path(made, each), map_path(pictures / picture_name(row), each))
    return row
