"""Prompts as names. Blender and file systems count bytes: a Chinese character takes three of them, an emoji four.

Names are cut here, between two characters as people see them, so that nobody else has to cut them inside one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

# Blender before 5.0 keeps 63 bytes of a name, and writes ".001" behind the second one of the same name.
NAME_BYTES = 63 - len(".001")
# Blender keeps 63 bytes of an undo step's name.
UNDO_BYTES = 63
# Far below the 255 of file systems, because Windows limits the whole path.
FILE_BYTES = 60

_JOINER = "\u200d"


def block_name(text: str, suffix: str = "") -> str:
    """A datablock's name: the beginning of `text` on one line, and all of `suffix`."""
    return _on_one_line(text, NAME_BYTES - len(suffix.encode())) + suffix


def undo_name(what: str, text: str) -> str:
    """An undo step's name: all of `what`, and the beginning of `text`."""
    return what + _on_one_line(text, UNDO_BYTES - len(what.encode()))


def file_words(text: str) -> str:
    """Part of a file's name: the letters and digits of any script, joined by "-"; may be empty."""
    text = unicodedata.normalize("NFC", text.lower())
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text)
    return cut("-".join(kept.split()), FILE_BYTES).strip("-")


def printable(text: str) -> str:
    """Text that Blender takes: a path may hold bytes that are no text, which become question marks."""
    return text.encode("utf-8", "replace").decode()


def cut(text: str, room: int) -> str:
    """The longest beginning of at most `room` bytes in UTF-8 that ends between two characters as people see them."""
    kept = ""
    for character in _seen_characters(text):
        if len((kept + character).encode()) > room:
            # A heap of accents on one letter may be larger than the room: then only whole code points are kept.
            return kept or character.encode()[:room].decode("utf-8", "ignore")
        kept += character
    return kept


def _on_one_line(text: str, room: int) -> str:
    text = "".join(" " if unicodedata.category(char) == "Cc" else char for char in printable(text))
    return cut(unicodedata.normalize("NFC", " ".join(text.split())), room).rstrip()


def _seen_characters(text: str) -> Iterator[str]:
    """Letters with their accents, emoji with their colours and joined parts, flags."""
    seen = ""
    for char in text:
        if seen and not (_belongs_to_the_one_before(char) or seen[-1] == _JOINER or _is_half_a_flag(seen, char)):
            yield seen
            seen = ""
        seen += char
    if seen:
        yield seen


def _belongs_to_the_one_before(char: str) -> bool:
    is_skin_tone = "\U0001f3fb" <= char <= "\U0001f3ff"
    is_tag = "\U000e0020" <= char <= "\U000e007f"
    return char == _JOINER or is_skin_tone or is_tag or unicodedata.category(char).startswith("M")


def _is_half_a_flag(seen: str, char: str) -> bool:
    return len(seen) == 1 and all("\U0001f1e6" <= half <= "\U0001f1ff" for half in (seen, char))
