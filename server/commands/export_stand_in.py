"""`python -m server export-stand-in RUN FOLDER`."""

from __future__ import annotations

import argparse
from typing import Any

from server.commands.shared import add_json
from server.paths import path_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("training", type=path_argument, metavar="RUN", help="folder of `train-stand-in`")
    parser.add_argument("folder", type=path_argument, metavar="FOLDER", help="replaced by the model")
    add_json(parser)
    parser.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> dict[str, Any]:
    from server.training.stand_in_export import export

    return {"folder": str(args.folder), "bytes": export(args.training, args.folder)}
