"""`python -m server texture PROMPT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from server.arguments import Pair, setting
from server.commands.making import GOES_ON, add_making, make, recipe_of
from server.commands.shared import check_suffix
from server.files import save_results
from server.materials.names import map_path
from server.recipe import MapName, TextureRecipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_making(parser, out="texture.png")
    parser.add_argument("--size", type=_size, default=None, metavar="N|WxH", help="in pixels (default 512)")
    parser.add_argument("--tile", action="store_true", help="make it seamless in both directions")
    parser.add_argument(
        "--maps",
        nargs="+",
        choices=get_args(MapName),
        metavar="MAP",
        help=f"write {', '.join(get_args(MapName))} beside it, estimated from its colour",
    )
    parser.add_argument("--directx", action="store_true", help="green of the normal map is down, not up")
    parser.set_defaults(run=_texture)


def _size(text: str) -> tuple[int, int]:
    side = setting(TextureRecipe, "width")
    found: tuple[int, int] = Pair(side, "WxH", "x")(text.lower()) if "x" in text.lower() else (side(text), side(text))
    return found


def _texture(args: argparse.Namespace) -> dict[str, Any]:
    check_suffix(args.out, (".png",))
    width, height = args.size or (None, None)
    tile = {"tile_x": args.tile, "tile_y": args.tile}
    texture = {
        "width": width,
        "height": height,
        **tile,
        "maps": args.maps,
        "normals": "directx" if args.directx else None,
    }
    recipe = recipe_of(args, "texture", texture=texture)
    maps = {map_path(args.out, name): map_path(Path("texture.png"), name) for name in args.maps or ()}
    files = {args.out: Path("texture.png"), **maps}

    def keep(folder: Path) -> None:
        save_results({out: (folder / made).read_bytes() for out, made in files.items()}, GOES_ON)

    return make(recipe, args, list(files), keep)
