"""`python -m server texture PROMPT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from server.arguments import Pair, setting
from server.commands.making import GOES_ON, add_making, make, recipe_of
from server.commands.shared import check_suffix
from server.errors import BadRequest
from server.files import save_results
from server.materials.names import map_path
from server.paths import path_argument
from server.recipe import MapName, SourceRecipe, TextureRecipe


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
    source = parser.add_argument_group("to begin as a picture")
    source.add_argument("--from", dest="source", type=path_argument, metavar="IMAGE", help="which; PNG, JPEG, ...")
    source.add_argument(
        "--reimagine",
        type=setting(SourceRecipe, "reimagine"),
        metavar="X",
        help="how much of it is made anew, 0 to 1 (default .5)",
    )
    source.add_argument(
        "--mask", type=path_argument, metavar="IMAGE", help="white where it is made anew; it stays where this is black"
    )
    source.add_argument(
        "--feather",
        type=setting(SourceRecipe, "feather"),
        metavar="PX",
        help="pixels inside the mask over which new fades into old (default 8)",
    )
    parser.set_defaults(run=_texture)


def _size(text: str) -> tuple[int, int]:
    side = setting(TextureRecipe, "width")
    found: tuple[int, int] = Pair(side, "WxH", "x")(text.lower()) if "x" in text.lower() else (side(text), side(text))
    return found


def _given(args: argparse.Namespace) -> dict[str, bytes]:
    """The files of the picture and of its mask, as far as they are named.

    Raises:
        BadRequest: "usage-wrong" for a wish about a picture that is not named; "image-missing", or as `read_image`.
    """
    wishes = {"--mask": args.mask, "--reimagine": args.reimagine, "--feather": args.feather}
    if args.source is None and (lost := [name for name, wish in wishes.items() if wish is not None]):
        raise BadRequest("usage-wrong", f"{lost[0]} is about a picture, and --from names none.", "Name one by --from.")
    paths = {"image": args.source, "mask": args.mask}
    return {name: _file_of(path) for name, path in paths.items() if path is not None}


def _file_of(path: Path) -> bytes:
    from server.images import read_image

    try:
        data = path.read_bytes()
    except OSError as error:
        said = f"{path} cannot be read ({error.strerror})."
        raise BadRequest("image-missing", said, "Name a picture that is there.") from None
    read_image(data)
    return data


def _size_of(data: bytes) -> tuple[int, int]:
    from server.images import read_image

    height, width = read_image(data).shape[:2]
    return width, height


def _source(args: argparse.Namespace, given: dict[str, bytes]) -> dict[str, Any] | None:
    if not given:
        return None
    from server.shelf import digest_of

    wishes = {"reimagine": args.reimagine, "feather": args.feather}
    named = {name: digest_of(data) for name, data in given.items()}
    return named | {name: wish for name, wish in wishes.items() if wish is not None}


def _texture(args: argparse.Namespace) -> dict[str, Any]:
    check_suffix(args.out, (".png",))
    given = _given(args)
    width, height = args.size or (_size_of(given["image"]) if given else (None, None))
    tile = {"tile_x": args.tile, "tile_y": args.tile}
    texture = {
        "width": width,
        "height": height,
        **tile,
        "maps": args.maps,
        "normals": "directx" if args.directx else None,
        "source": _source(args, given),
    }
    recipe = recipe_of(args, "texture", texture=texture)
    maps = {map_path(args.out, name): map_path(Path("texture.png"), name) for name in args.maps or ()}
    files = {args.out: Path("texture.png"), **maps}

    def keep(folder: Path) -> None:
        save_results({out: (folder / made).read_bytes() for out, made in files.items()}, GOES_ON)

    def give(folder: Path) -> None:
        from server.images import PICTURES

        for data in given.values():
            PICTURES.put(folder, data)

    return make(recipe, args, list(files), keep, give)
