"""`python -m server evaluate ...`: results against the truth, from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from server.arguments import Pair, setting, whole
from server.commands.bars import CountingBar, counted
from server.commands.evaluate_farm import add_farm
from server.commands.evaluate_prompts import add_prompts
from server.commands.evaluate_retexture import add_retexture
from server.commands.evaluate_textures import add_textures
from server.commands.guidance_options import add_guidance_options, add_methods_and_noises, guidance_asked
from server.commands.shared import add_device, add_json, add_prior, add_seed, check_folder, check_suffix, check_targets
from server.paths import path_argument
from server.recipe import GuidanceRecipe, Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="WHAT", parser_class=type(parser))
    shapes = subjects.add_parser("shapes", help="meshes of known objects against their true shapes")
    add_prior(shapes, "a model, as `priors` lists them, or stand-in, or exact-without-camera (default: embedded)")
    add_device(shapes)
    add_seed(shapes)
    add_json(shapes)
    shapes.add_argument(
        "--prompts",
        type=setting(Recipe, "prompt"),
        nargs="+",
        default=None,
        metavar="PROMPT",
        help="default: one per known object",
    )
    add_methods_and_noises(shapes)
    add_guidance_options(shapes)
    shapes.add_argument(
        "--bandwidths",
        nargs="+",
        type=Pair(setting(GuidanceRecipe, "bandwidth_start"), "FIRST:LAST", ":"),
        default=[None],
        metavar="FIRST:LAST",
        help="default: the prior's own",
    )
    shapes.add_argument(
        "--perp-negs",
        nargs="+",
        default=[None],
        choices=("on", "off"),
        help="rows with --perp-neg, or without, or both",
    )
    shapes.add_argument(
        "--calls",
        nargs="+",
        type=whole(1, 10**7),
        default=[None],
        help="denoiser calls of every run, in place of the preset's steps",
    )
    shapes.add_argument("--seeds", type=whole(1, 1000), default=1, help="how many seeds per prompt")
    shapes.add_argument("--preset", default="sketch")
    shapes.add_argument("--pictures", type=path_argument, help="folder for a turntable of every mesh")
    shapes.add_argument("--out", type=path_argument, help="keep rows in this .json; the same command goes on")
    cache = Path(".cache/prior-data")
    shapes.add_argument("--cache", type=path_argument, default=cache, help="folder of the judge of views")
    shapes.set_defaults(interrupted="Interrupted. With --out, the same command goes on from about here.")
    shapes.set_defaults(run=_shapes)

    judged = subjects.add_parser("prior", help="what a prior draws, judged by a classifier, and its use of the camera")
    add_prior(judged, "one that reads the procedural language")
    add_device(judged)
    add_seed(judged)
    judged.add_argument("--repeats", type=whole(1, 1000), default=1, help="how often every question is asked")
    judged.add_argument("--cache", type=path_argument, default=cache, help="folder of the rendered layers")
    judged.add_argument("--pictures", type=path_argument, help="folder for sheets of the samples")
    add_json(judged)
    judged.set_defaults(run=_prior)
    add_textures(subjects)
    add_retexture(subjects)
    add_prompts(subjects)
    add_farm(subjects)


def _shapes(args: argparse.Namespace) -> dict[str, Any]:
    from server.evaluation.kept_rows import KeptRows
    from server.evaluation.shapes import evaluate_shapes, planned_runs
    from server.evaluation.variants import variants
    from server.studio.threads import use_half_of_the_cores
    from server.training.view_judge import STEPS, trained_view_judge

    use_half_of_the_cores()
    if args.out is not None:
        check_suffix(args.out, (".json",))
        check_targets(args.out)
    for folder in filter(None, (args.cache, args.pictures)):
        check_folder(folder)
    kept = KeptRows(args.out)
    perp_negs = [None if said is None else said == "on" for said in args.perp_negs]
    methods = variants(args.methods, args.noise, args.bandwidths, perp_negs, args.calls)
    seeds = range(args.seed, args.seed + args.seeds)
    with CountingBar(STEPS, "Judge of views") as bar:
        judge = trained_view_judge(args.cache, STEPS, bar.step, counted)
    with CountingBar(planned_runs(args.prompts, seeds, methods), "Shapes") as bar:
        result = evaluate_shapes(
            args.prompts,
            seeds,
            methods,
            args.prior,
            args.device,
            {"preset": args.preset, "guidance": guidance_asked(args)},
            pictures=args.pictures,
            on_row=lambda row: bar.step(),
            judge=judge,
            kept=kept,
        )
    return _warned(result)


def _prior(args: argparse.Namespace) -> dict[str, Any]:
    from server.evaluation.prior import evaluate_prior, planned_steps
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    for folder in filter(None, (args.cache, args.pictures)):
        check_folder(folder)
    with CountingBar(planned_steps(), "Judging") as bar:
        result = evaluate_prior(
            args.prior,
            args.device,
            args.cache,
            args.seed,
            args.repeats,
            args.pictures,
            on_step=bar.step,
            watch=counted,
        )
    return _warned(result)


def _warned(result: dict[str, Any]) -> dict[str, Any]:
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    return result
