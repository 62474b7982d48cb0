"""`python -m server mesh PROMPT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from server.commands.making import GOES_ON, add_making, make, recipe_of
from server.commands.remesh import FORMATS, add_mesh_arguments, mesh_wishes
from server.commands.shared import check_suffix
from server.paths import path_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_making(parser, out="mesh.glb")
    add_mesh_arguments(parser)
    parser.add_argument(
        "--field", type=path_argument, metavar="FILE", help="keep the field here (.safetensors), for `remesh`"
    )
    parser.set_defaults(run=_mesh)


def _mesh(args: argparse.Namespace) -> dict[str, Any]:
    check_suffix(args.out, FORMATS)
    files = [args.out]
    if args.field is not None:
        check_suffix(args.field, (".safetensors",))
        files.append(args.field)

    def keep(folder: Path) -> None:
        from server.studio.mesh_files import deliver

        deliver(folder, args.out, args.prompt, args.field, GOES_ON)

    return make(recipe_of(args, "mesh", mesh=mesh_wishes(args)), args, files, keep)
