"""`python -m server evaluate textures` from the command line."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from server.arguments import setting, whole
from server.commands.bars import CountingBar, counted
from server.commands.guidance_options import add_guidance_options, add_methods_and_noises, guidance_asked
from server.commands.shared import add_device, add_json, add_prior, add_seed, check_folder, check_suffix, check_targets
from server.paths import path_argument
from server.recipe import MapName, Preset, TextureRecipe
from server.world.captions import PATTERNS


def add_textures(subjects: Any) -> None:
    """Add it to the sub-parsers of `evaluate`; `args.run(args)` runs it."""
    textures = subjects.add_parser("textures", help="seamless textures, judged and compared with a prior's samples")
    add_prior(textures, "one that reads the procedural language")
    add_device(textures)
    patterns = list(PATTERNS)
    textures.add_argument(
        "--patterns", nargs="+", default=patterns, choices=patterns, metavar="PATTERN", help="default: all twelve"
    )
    textures.add_argument("--pairs", type=whole(1, 6), default=6, help="of colours, for each pattern")
    textures.add_argument("--seeds", type=whole(1, 1000), default=3, help="how many seeds (default 3)")
    add_seed(textures, "the first of them")
    textures.add_argument(
        "--presets",
        nargs="+",
        default=["sketch", "standard"],
        choices=get_args(Preset),
        metavar="PRESET",
        help="default: sketch standard",
    )
    add_methods_and_noises(textures)
    add_guidance_options(textures)
    textures.add_argument("--calls", type=whole(1, 10**7), help="denoiser calls of every run, in place of its steps")
    textures.add_argument("--size", type=setting(TextureRecipe, "width"), default=256, help="in pixels (default 256)")
    textures.add_argument(
        "--maps",
        nargs="*",
        default=["normal", "height", "roughness", "ao"],
        choices=get_args(MapName),
        metavar="MAP",
        help="beside every texture; with none, only colours (default: normal height roughness ao)",
    )
    textures.add_argument("--pictures", type=path_argument, help="folder for all textures, and for sheets of them")
    textures.add_argument("--out", type=path_argument, help="keep rows in this .json; the same command goes on")
    cache = Path(".cache/prior-data")
    textures.add_argument("--cache", type=path_argument, default=cache, help="folder of the judge and of its pictures")
    add_json(textures)
    interrupted = "Interrupted. With --out, the same command goes on from about here."
    textures.set_defaults(run=_textures, interrupted=interrupted)


def _textures(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.evaluation.kept_rows import KeptRows
    from server.evaluation.texture_gates import describe
    from server.evaluation.textures import evaluate_textures, plan_runs, planned_steps
    from server.priors.catalogue import load_prior
    from server.studio.threads import use_half_of_the_cores
    from server.training.judge import STEPS, trained_judge

    if args.out is not None:
        check_suffix(args.out, (".json",))
        check_targets(args.out)
    for folder in (args.pictures, args.cache):
        if folder is not None:
            check_folder(folder)
    use_half_of_the_cores()
    seeds = range(args.seed, args.seed + args.seeds)
    asked = (args.patterns, args.pairs, seeds, args.presets, args.methods, args.noise, args.prior, args.size)
    runs = plan_runs(*asked, guidance_asked(args), args.maps)
    kept = KeptRows(args.out)
    prior = load_prior(args.prior, args.device)
    with CountingBar(STEPS, "Judge") as bar:
        judge = trained_judge(args.cache, STEPS, bar.step, counted)
    with CountingBar(planned_steps(runs), "Textures") as bar:
        result = evaluate_textures(runs, prior, judge, args.device, args.calls, args.pictures, kept, bar.step)
    if args.json:
        return result
    print(describe(result["summary"], result["failed"]))
    return None
