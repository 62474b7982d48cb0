"""Values from panels, scripts and old files -> values that are safe to use, or a sentence that says which one is not.

Blender's own limits are not enough: from a script it silently takes the nearest value that is allowed, and it reads
whatever a file says.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence

from .errors import Problem
from .limits import PROMPT_CHARACTERS, Range

# In scene units.
FARTHEST = 1e9


def number(name: str, value: float, allowed: Range) -> float:
    """`value`, if it is finite and in range; an integer range (of ints) is described as one.

    Args:
        name: what the user calls it.

    Raises:
        Problem: "value-out-of-range".
    """
    if math.isfinite(value) and allowed.least <= value <= allowed.most:
        return value
    kind = "whole number" if isinstance(allowed.least, int) else "number"
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    hint = f"Choose a {kind} from {_plain(allowed.least)} to {_plain(allowed.most)}."
    raise Problem("value-out-of-range", f"{name} is {'not a number' if math.isnan(value) else shown}.", hint)


def place(name: str, location: Sequence[float]) -> None:
    """Make sure that something is somewhere.

    Args:
        name: what the user calls it.

    Raises:
        Problem: "value-out-of-range" when a coordinate is not finite, or beyond all reason.
    """
    if not all(abs(coordinate) <= FARTHEST for coordinate in location):  # which is false for NaN, too
        raise Problem("value-out-of-range", f"{name} is nowhere near the scene.", "Move it to where you work.")


def choice(name: str, value: str, titles: Mapping[str, str]) -> str:
    """`value`, if it is one of the choices.

    Args:
        name: what the user calls it.
        titles: what the user calls the choices, by their values.

    Raises:
        Problem: "choice-unknown".
    """
    if value in titles:
        return value
    said = f"has no choice {value!r}" if value else "has a value that this version does not know"
    raise Problem("choice-unknown", f"{name} {said}.", f"Choose one of {', '.join(titles.values())}.")


def prompt_text(name: str, text: str) -> str:
    """`text` without the space round it, if it is text and not too long.

    Args:
        name: what the user calls it.

    Raises:
        Problem: "prompt-too-long", "prompt-unreadable".
    """
    text = text.strip()
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\r\n" for char in text):
        raise Problem("prompt-unreadable", f"{name} holds characters that are not text.", "Type it anew.")
    if len(text) > PROMPT_CHARACTERS:
        message = f"{name} has {len(text):,} characters, {PROMPT_CHARACTERS:,} are the most."
        raise Problem("prompt-too-long", message, "Shorten it.")
    return text


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
