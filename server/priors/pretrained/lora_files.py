"""How a recipe, the command line and the panel name a LoRA: FILE:WEIGHT."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from server.errors import BadRequest
from server.paths import as_path

MOST_WEIGHT = 10.0


@dataclass(frozen=True)
class Lora:
    """A LoRA file, and how much of it is added to a model."""

    path: Path
    weight: float = 1.0


def read_lora(text: str) -> Lora:
    """FILE:WEIGHT, or FILE alone for a weight of 1.

    Raises:
        ValueError: it names no file, or a weight that is out of range; the message ends a sentence.
    """
    file, colon, number = text.rpartition(":")
    weight = 1.0
    if colon and re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", number):
        weight = float(number)
    else:
        file = text
    if not file.strip():
        raise ValueError("must name a file, as FILE:WEIGHT")
    if not math.isfinite(weight) or abs(weight) > MOST_WEIGHT:
        raise ValueError(f"must have weights from -{MOST_WEIGHT:g} to {MOST_WEIGHT:g}")
    try:
        return Lora(as_path(file), weight)
    except BadRequest as problem:
        raise ValueError(f"names no file: {problem.message}") from None
