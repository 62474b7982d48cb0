"""`python -m server evaluate ...`: results against the truth, from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from server.arguments import field, whole
from server.commands.evaluate_textures import add_textures
from server.commands.shared import add_device, add_json, add_prior, add_seed, check_folder, counted
from server.paths import path_argument
from server.recipe import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subjects = parser.add_subparsers(dest="subject", required=True, metavar="WHAT", parser_class=type(parser))
    shapes = subjects.add_parser("shapes", help="meshes of known objects against their true shapes")
    add_prior(shapes)
    add_device(shapes)
    add_seed(shapes)
    add_json(shapes)
    shapes.add_argument(
        "--prompts",
        type=field(Recipe, "prompt"),
        nargs="+",
        default=None,
        metavar="PROMPT",
        help="default: one per known object",
    )
    shapes.add_argument(
        "--methods", nargs="+", default=["msd"], help="msd, sds, sdi, paper, exact, tweedie, noised (default: msd)"
    )
    shapes.add_argument(
        "--calls", type=whole(1, 10**7), help="denoiser calls of every run, in place of the preset's steps"
    )
    shapes.add_argument("--seeds", type=whole(1, 1000), default=1, help="how many seeds per prompt")
    shapes.add_argument("--preset", default="sketch")
    shapes.add_argument("--pictures", type=path_argument, help="folder for a turntable of every mesh")
    shapes.set_defaults(run=_shapes)

    judged = subjects.add_parser("prior", help="what a prior draws, judged by a classifier, and its use of the camera")
    add_prior(judged, "one that reads the procedural language")
    add_device(judged)
    add_seed(judged)
    judged.add_argument("--repeats", type=whole(1, 1000), default=1, help="how often every question is asked")
    cache = Path(".cache/prior-data")
    judged.add_argument("--cache", type=path_argument, default=cache, help="folder of the rendered layers")
    judged.add_argument("--pictures", type=path_argument, help="folder for sheets of the samples")
    add_json(judged)
    judged.set_defaults(run=_prior)
    add_textures(subjects)


def _shapes(args: argparse.Namespace) -> dict[str, Any]:
    from tqdm import tqdm

    from server.evaluation.shapes import evaluate_shapes, planned_runs
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    if args.pictures is not None:
        check_folder(args.pictures)
    seeds = range(args.seed, args.seed + args.seeds)
    with tqdm(total=planned_runs(args.prompts, seeds, args.methods), desc="Shapes", unit="mesh", delay=1) as bar:
        result = evaluate_shapes(
            args.prompts,
            seeds,
            args.methods,
            args.prior,
            args.device,
            {"preset": args.preset},
            args.calls,
            args.pictures,
            lambda row: bar.update(),
        )
    return _warned(result)


def _prior(args: argparse.Namespace) -> dict[str, Any]:
    from tqdm import tqdm

    from server.evaluation.prior import evaluate_prior, planned_steps
    from server.studio.threads import use_half_of_the_cores

    use_half_of_the_cores()
    for folder in filter(None, (args.cache, args.pictures)):
        check_folder(folder)
    with tqdm(total=planned_steps(), desc="Judging", mininterval=1.0) as bar:
        result = evaluate_prior(
            args.prior,
            args.device,
            args.cache,
            args.seed,
            args.repeats,
            args.pictures,
            on_step=bar.update,
            watch=counted,
        )
    return _warned(result)


def _warned(result: dict[str, Any]) -> dict[str, Any]:
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    return result
