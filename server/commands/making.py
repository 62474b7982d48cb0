"""What `mesh`, `texture` and `retexture` share: the arguments of a recipe, and making it in this process."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.arguments import setting
from server.commands.bars import ProgressBar
from server.commands.dry_run import describe_run
from server.commands.guidance_options import add_guidance_options, add_method_and_noise, guidance_asked
from server.commands.shared import add_common, add_lora, add_low_vram, check_suffix, check_targets, say
from server.files import beside
from server.paths import path_argument
from server.recipe import Recipe

GOES_ON = "The same command goes on from about here."


def add_making(parser: argparse.ArgumentParser, out: str) -> None:
    parser.set_defaults(resumes=GOES_ON, interrupted=f"Interrupted. {GOES_ON}")
    add_common(parser)
    parser.add_argument("prompt", metavar="PROMPT", type=setting(Recipe, "prompt"))
    parser.add_argument("--out", type=path_argument, default=Path(out))
    add_low_vram(parser)
    add_lora(parser)
    parser.add_argument("--negative-prompt", type=setting(Recipe, "negative_prompt"), default="")
    parser.add_argument(
        "--perpendicular-negative",
        action="store_true",
        default=None,
        help="avoid only what the negative prompt does not share with the prompt",
    )
    parser.add_argument("--preset", default="standard", help="sketch, standard or fine")
    parser.add_argument("--steps", type=setting(Recipe, "steps"), help="optimisation steps (default: the preset's)")
    parser.add_argument(
        "--time-budget",
        type=setting(Recipe, "time_budget_s"),
        metavar="SECONDS",
        help="stop optimising after this long",
    )
    parser.add_argument(
        "--render-size", type=setting(Recipe, "render_size"), help="pixels per side of the training renders"
    )
    parser.add_argument("--views", type=setting(Recipe, "views_per_step"), help="views per step")
    parser.add_argument(
        "--log",
        type=path_argument,
        metavar="FILE",
        help="append how it went, as JSON lines (.jsonl): progress, q, memory",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done, setting by setting")
    add_method_and_noise(parser)
    add_guidance_options(parser)


def recipe_of(args: argparse.Namespace, kind: str, **parts: dict[str, Any]) -> dict[str, Any]:
    """The recipe that the arguments ask for; what was not given is left to the preset."""
    asked = {
        "steps": args.steps,
        "time_budget_s": args.time_budget,
        "render_size": args.render_size,
        "views_per_step": args.views,
        "guidance": guidance_asked(args, "method", "noise", "perpendicular_negative"),
        **{name: _given(part) for name, part in parts.items()},
    }
    return {
        "kind": kind,
        "prompt": args.prompt,
        "negative_prompt": args.negative_prompt,
        "seed": args.seed,
        "prior": args.prior,
        "loras": args.lora,
        "preset": args.preset,
        **_given(asked),
    }


def make(
    recipe_data: dict[str, Any],
    args: argparse.Namespace,
    files: list[Path],
    keep: Callable[[Path], object],
    give: Callable[[Path], object] = lambda folder: None,
) -> dict[str, Any]:
    """Make it in this process, showing a progress bar on stderr; `keep` takes `files` out of the folder.

    Args:
        give: puts the files that the recipe names, if it does, into the folder for them.
    """
    import tempfile

    from server.priors.catalogue import check_loras, check_prompt, load_prior
    from server.recipe import read_recipe

    if args.log is not None:
        check_suffix(args.log, (".jsonl",))
        files = [*files, args.log]
    recipe = read_recipe(recipe_data)
    warnings = say(check_prompt(recipe.prior, recipe.prompt, recipe.shown, recipe.negative_prompt))
    check_loras(recipe.prior, recipe.loras)
    if args.dry_run:
        return {**describe_run(recipe, args.device), "warnings": warnings}
    check_targets(*files)
    with ProgressBar() as bar, tempfile.TemporaryDirectory() as folder:
        from server.studio.journal import Journal
        from server.studio.production import produce
        from server.studio.threads import use_half_of_the_cores

        use_half_of_the_cores()
        prior = load_prior(recipe.prior, args.device, args.low_vram, recipe.loras)
        unfinished = beside(args.out, ".unfinished")
        given = Path(folder) / "given"
        give(given)
        told = bar if args.log is None else Journal(args.log, bar, args.device)
        report = produce(recipe, prior, Path(folder), told, lambda: None, args.device, unfinished, keep, given=given)
        shutil.rmtree(unfinished, ignore_errors=True)
    del report["artifacts"]
    warnings += bar.warnings
    return {"prompt": recipe.prompt, "seed": recipe.seed, "out": str(args.out), **report, "warnings": warnings}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
