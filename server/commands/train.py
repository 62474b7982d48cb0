"""`python -m server train stand-in`: what is trained besides the prior that ships."""

from __future__ import annotations

import argparse
from typing import Any

from server.out_files import check_folder
from server.training.stand_in_plan import add_arguments as add_stand_in


def add_arguments(parser: argparse.ArgumentParser) -> None:
    models = parser.add_subparsers(dest="model", required=True, metavar="MODEL", parser_class=type(parser))
    stand_in = models.add_parser(
        "stand-in", help="a small latent diffusion that behaves like Stable Diffusion; resumable"
    )
    add_stand_in(stand_in)
    resumes = "The same command goes on from the last checkpoint."
    stand_in.set_defaults(run=_stand_in, resumes=resumes, interrupted=f"Interrupted. {resumes}")


def _stand_in(args: argparse.Namespace) -> dict[str, Any]:
    from server.training.stand_in import train

    for folder in (args.out, args.cache):
        check_folder(folder)
    return train(args)
