"""`python -m server retexture MESH PROMPT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from server.arguments import setting
from server.commands.making import GOES_ON, add_making, make, recipe_of
from server.commands.shared import check_suffix
from server.files import save_results
from server.paths import path_argument
from server.recipe import RetextureRecipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("mesh", metavar="MESH", type=path_argument, help=".glb, .obj or .npz with one mesh and its UVs")
    add_making(parser, out="texture.png")
    parser.add_argument(
        "--size", type=setting(RetextureRecipe, "size"), metavar="N", help="side of the picture (default: the preset's)"
    )
    parser.set_defaults(run=_retexture)


def _retexture(args: argparse.Namespace) -> dict[str, Any]:
    from server.meshing.given import given_bytes
    from server.meshing.reading import read_mesh_file
    from server.meshing.shelf import MESHES
    from server.shelf import digest_of

    check_suffix(args.out, (".png",))
    mesh = given_bytes(read_mesh_file(args.mesh))
    recipe = recipe_of(args, "retexture", retexture={"mesh": digest_of(mesh), "size": args.size})

    def keep(folder: Path) -> None:
        save_results({args.out: (folder / "texture.png").read_bytes()}, GOES_ON)

    return make(recipe, args, [args.out], keep, lambda folder: MESHES.put(folder, mesh))
