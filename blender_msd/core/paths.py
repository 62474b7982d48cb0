"""Paths as people paste them -> paths as the system knows them."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes
from urllib.request import url2pathname

from .errors import Problem

_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("`", "`"))
# Windows writes the first one before a path that is copied from a file's properties.
_INVISIBLE = "\u202a\u202c\u200b\u200e\u200f\ufeff"
_HINT = "Write it like /home/me/models, or choose it with the folder button."


def unwrapped(text: str) -> str:
    """Text without the spaces, line ends, invisible marks and quotes round it, as they come along when it is copied."""
    before = None
    while text != before:
        before = text
        text = text.strip().strip(_INVISIBLE)
        if len(text) > 1 and (text[0], text[-1]) in _QUOTES:
            text = text[1:-1]
    return text


def read_path(text: str) -> str:
    """The path that is meant: quotes, `~`, and `file://` addresses are understood; all else is left as it is.

    A path that begins with "//" keeps its beginning: only Blender knows which file it is relative to.

    Raises:
        Problem: "path-unreadable".
    """
    path = unwrapped(text)
    if path[:5].lower() == "file:":
        path = _from_address(path[5:])
    if any(char in path for char in "\0\r\n"):
        raise Problem("path-unreadable", "There is more than one path.", "Choose one of them.")
    return os.path.expanduser(path)


def split_weight(text: str) -> tuple[str, str]:
    """What stands before a weight, and the weight with its colon; empty where there is none, as in C:\\style."""
    found = re.fullmatch(r"(.*?)(:\s*[+-]?(?:\d+\.?\d*|\.\d+))?\s*", text, re.DOTALL)
    assert found is not None
    return found[1], (found[2] or "").replace(" ", "")


def _from_address(rest: str) -> str:
    """`rest` is what stands behind "file:"."""
    host = ""
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        rest = slash + rest
    if os.name == "nt":
        return url2pathname(f"//{host}{rest}" if host not in ("", "localhost") else rest)
    if host not in ("", "localhost"):
        raise Problem("path-unreadable", f"file://{host}{rest} lies on another computer.", _HINT)
    return os.fsdecode(unquote_to_bytes(rest))
