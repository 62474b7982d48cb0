"""What several commands have in common: arguments, and checks of the files they are to write."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from pathlib import Path

from server.accelerators import NAMES
from server.arguments import device, lora, setting
from server.errors import BadRequest, disk_problem
from server.files import NOT_WRITABLE, write_bytes
from server.paths import path_argument
from server.recipe import Recipe

ONE_DOCUMENT = "print one JSON document on stdout and nothing else"


def add_json(parser: argparse.ArgumentParser, help: str = ONE_DOCUMENT) -> None:
    parser.add_argument("--json", action="store_true", help=help)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", type=device, help=f"{NAMES} (default: cpu)")


def add_prior(
    parser: argparse.ArgumentParser, help: str = "a model, as `priors` lists them (default: embedded)"
) -> None:
    parser.add_argument("--prior", default="embedded", help=help)


def add_seed(parser: argparse.ArgumentParser, help: str = "default: 0") -> None:
    parser.add_argument("--seed", type=setting(Recipe, "seed"), default=0, help=help)


def add_common(parser: argparse.ArgumentParser) -> None:
    """--prior, --device, --seed and --json."""
    add_prior(parser)
    add_device(parser)
    add_seed(parser)
    add_json(parser)


def add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder",
        type=path_argument,
        action="append",
        default=[],
        metavar="DIR",
        help="look for models here too: a model, or a folder of models; may be given several times",
    )


def add_lora(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lora",
        type=lora,
        action="append",
        default=[],
        metavar="FILE:WEIGHT",
        help="add a LoRA to a diffusion model of your own; may be given several times",
    )


def add_low_vram(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--low-vram", action="store_true", help="less graphics memory for large models, more time")


def say(warnings: list[str]) -> list[str]:
    """Print them on stderr; returns them."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return warnings


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raises BadRequest "format-unknown" when the name ends in none of `known` (".png"); case does not matter."""
    if path.suffix.lower() not in known:
        raise BadRequest("format-unknown", f"Cannot write {path.name}: the file must end in {' or '.join(known)}.")


def check_targets(*files: Path) -> None:
    """See that each could be written and replaced; makes their folders, and writes nothing that stays.

    Raises:
        BadRequest: "out-not-writable" or "disk-full".
    """
    for file in files:
        try:
            why = _obstacle(file)
        except OSError as error:
            raise disk_problem(error, NOT_WRITABLE, refusal=True, file=file) from None
        if why:
            raise BadRequest(NOT_WRITABLE, f"{file} cannot be written: {why}.", "Name another file.")
        check_folder(Path(os.path.realpath(file)).parent)


def _obstacle(file: Path) -> str:
    """What stands where the file should be, in words; "" when nothing does. Raises OSError for an impossible name."""
    target = Path(os.path.realpath(file))
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        dangling = file.is_symlink() and not target.parent.is_dir()
        return f"it is a link to {target}, whose folder does not exist" if dangling else ""
    if stat.S_ISDIR(mode):
        return "it is a folder"
    if not stat.S_ISREG(mode):
        return "it is no ordinary file"
    return "" if os.access(target, os.W_OK) else "it may not be changed"


def check_folder(folder: Path) -> None:
    """See that files could be written into it; makes it, and writes nothing that stays.

    Raises:
        BadRequest: "out-not-writable" or "disk-full".
    """
    trial = folder / f".trial-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(trial, b"")
        trial.unlink()
    except OSError as error:
        raise disk_problem(error, NOT_WRITABLE, refusal=True, file=folder) from None
