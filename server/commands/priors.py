"""`python -m server priors`."""

from __future__ import annotations

import argparse
from typing import Any

from server.commands.shared import add_folders, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_folders(parser)
    add_json(parser)
    parser.set_defaults(run=_priors)


def _priors(args: argparse.Namespace) -> dict[str, Any] | None:
    from server.priors.catalogue import list_priors
    from server.priors.listing import describe

    priors = list_priors(args.folder)
    if args.json:
        return {"priors": [prior.as_json() for prior in priors]}
    print(describe(priors))
    return None
