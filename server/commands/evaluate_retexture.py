"""`python -m server evaluate retexture` from the command line."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from server.arguments import whole
from server.commands.bars import CountingBar
from server.commands.shared import add_device, add_json, add_prior, add_seed, check_folder
from server.paths import path_argument
from server.recipe import Preset
from server.world.captions import KINDS


def add_retexture(subjects: Any) -> None:
    """Add it to the sub-parsers of `evaluate`; `args.run(args)` runs it."""
    parser = subjects.add_parser("retexture", help="known objects, stripped of their colours and textured again")
    add_prior(parser, "one that reads the procedural language")
    add_device(parser)
    kinds = list(KINDS)
    parser.add_argument("--kinds", nargs="+", default=kinds, choices=kinds, metavar="KIND", help="default: all sixteen")
    parser.add_argument("--seeds", type=whole(1, 1000), default=1, help="how many seeds (default 1)")
    add_seed(parser, "the first of them")
    parser.add_argument("--preset", default="sketch", choices=get_args(Preset), help="default: sketch")
    parser.add_argument("--pictures", type=path_argument, help="folder for a turntable of every mesh")
    add_json(parser)
    parser.set_defaults(run=_retexture)


def _retexture(args: argparse.Namespace) -> dict[str, Any]:
    from server.evaluation.retexture import evaluate_retexture
    from server.studio.threads import use_half_of_the_cores

    if args.pictures is not None:
        check_folder(args.pictures)
    use_half_of_the_cores()
    seeds = range(args.seed, args.seed + args.seeds)
    with CountingBar(len(args.kinds) * len(seeds), "Textures of meshes") as bar:
        return evaluate_retexture(
            args.kinds, seeds, args.preset, args.prior, args.device, args.pictures, lambda row: bar.step()
        )
