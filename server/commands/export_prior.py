"""`python -m server export-prior RUN FOLDER`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from server.commands.shared import add_json
from server.paths import path_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("training", type=path_argument, metavar="RUN", help="folder of `train-prior`")
    parser.add_argument("folder", type=path_argument, metavar="FOLDER", help="replaced by the weights")
    parser.add_argument("--hardware", default=f"{os.cpu_count()} processor cores", help="for the model card, in words")
    parser.add_argument("--gates", type=path_argument, help="what `evaluate prior --json` printed, for the model card")
    add_json(parser)
    parser.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> dict[str, Any]:
    from server.training.export import export

    size = export(args.training, args.folder, args.hardware, args.gates)
    return {"folder": str(args.folder), "bytes": size}
