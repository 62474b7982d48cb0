"""`python -m server texture PROMPT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from server.arguments import Pair, field
from server.commands.making import GOES_ON, add_making, make, recipe_of
from server.commands.shared import check_suffix
from server.files import save_results
from server.recipe import TextureRecipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_making(parser, out="texture.png")
    parser.add_argument("--size", type=_size, default=None, metavar="N|WxH", help="in pixels (default 512)")
    parser.add_argument("--tile", action="store_true", help="make it seamless in both directions")
    parser.set_defaults(run=_texture)


def _size(text: str) -> tuple[int, int]:
    side = field(TextureRecipe, "width")
    found: tuple[int, int] = Pair(side, "WxH", "x")(text.lower()) if "x" in text.lower() else (side(text), side(text))
    return found


def _texture(args: argparse.Namespace) -> dict[str, Any]:
    check_suffix(args.out, (".png",))
    width, height = args.size or (None, None)
    texture = {"width": width, "height": height, "tile_x": args.tile, "tile_y": args.tile}
    recipe = recipe_of(args, "texture", texture=texture)

    def keep(folder: Path) -> None:
        save_results({args.out: (folder / "texture.png").read_bytes()}, GOES_ON)

    return make(recipe, args, [args.out], keep)
