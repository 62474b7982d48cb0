"""Paths as people give them: typed, quoted, or pasted from a file manager."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from server.errors import BadRequest


def as_path(text: str) -> Path:
    """The path that is meant. Understood are quotes around it, blanks and line ends that came with a paste, `~`,
    `~user`, and file:// addresses with their %20.

    Raises:
        BadRequest: "path-unreadable".
    """
    plain = text.strip()
    if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "\"'":
        plain = plain[1:-1]
    if plain[:6].lower() == "file:/":
        plain = _from_address(plain)
    if not plain or "\0" in plain:
        raise BadRequest("path-unreadable", f"{text!r} is not a path.")
    # Not Path.expanduser, which takes ./~name for ~name.
    found = os.path.expanduser(plain)
    if found.startswith("~"):
        user = Path(plain).parts[0]
        hint = f"A file of that name here is ./{user}"
        raise BadRequest("path-unreadable", f"{user} is nobody's home folder here.", hint)
    return Path(found)


def path_argument(text: str) -> Path:
    """`as_path` as a type for argparse."""
    try:
        return as_path(text)
    except BadRequest as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _from_address(address: str) -> str:
    place = address[len("file:") :]
    if place.startswith("//"):
        host, _, path = place[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            hint = "Give the path of a file on this computer."
            raise BadRequest("path-unreadable", f"{address} is on another computer.", hint)
        place = f"/{path}"
    if os.name == "nt":  # /C:/folder
        place = place.lstrip("/")
    return os.fsdecode(unquote_to_bytes(place))
