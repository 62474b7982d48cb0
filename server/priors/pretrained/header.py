"""The header of a safetensors file: names, types and shapes of its tensors, read without torch.

Layout (https://github.com/huggingface/safetensors): 8 bytes with the little-endian length of a JSON object that tells
every tensor's dtype, shape and place in the bytes after it; `__metadata__` holds free text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.priors.pretrained.families import broken

MOST_HEADER_BYTES = 100_000_000
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E5M2FNUZ", "F8_E4M3FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    **{"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6},
}


@dataclass(frozen=True)
class Header:
    """Attributes: per tensor its shape, its dtype in the file's own words ("F16") and its place; free text."""

    path: Path
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    places: dict[str, tuple[int, int]]
    metadata: dict[str, str]

    def has(self, prefix: str) -> bool:
        """Whether some tensor's name begins so."""
        return any(name.startswith(prefix) for name in self.shapes)

    def count(self, prefix: str) -> int:
        """How many different numbers follow `prefix`: `count("blocks.")` of blocks.0.a, blocks.0.b, blocks.1.a is 2."""
        return len({name[len(prefix) :].split(".")[0] for name in self.shapes if name.startswith(prefix)})

    def renamed(self, usual: Callable[[str], str]) -> Header:
        """The same tensors by other names. Raises BadRequest "prior-broken" when two get the same one."""
        names: dict[str, str] = {}
        for name in self.shapes:
            other = names.setdefault(usual(name), name)
            if other != name:
                raise broken(f"{self.path} holds one tensor twice, as {other} and as {name}.", "Take another copy.")
        return replace(
            self,
            shapes={new: self.shapes[old] for new, old in names.items()},
            dtypes={new: self.dtypes[old] for new, old in names.items()},
            places={new: self.places[old] for new, old in names.items()},
        )

    def read(self, name: str) -> NDArray[np.float32] | None:
        """One tensor, flat; None when its dtype is not a usual float."""
        kind = _NUMPY.get(self.dtypes[name])
        if kind is None:
            return None
        start, end = self.places[name]
        with self.path.open("rb") as file:
            file.seek(start)
            raw = np.frombuffer(file.read(end - start), kind)
        # bfloat16 is the upper half of a float32.
        return (raw.astype("<u4") << 16).view("<f4") if self.dtypes[name] == "BF16" else raw.astype("<f4")


def read_header(path: Path) -> Header:
    """Everything that the safetensors library asks of a file, and no name twice.

    Raises:
        BadRequest: "prior-broken" when the file is no safetensors file, or not whole.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MOST_HEADER_BYTES, size - 8):
                raise ValueError("its header has no sensible length")
            entries = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_without_repetition)
        if not isinstance(entries, dict):
            raise ValueError("its header is no JSON object")
        metadata = entries.pop("__metadata__", None) or {}
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata is not all text")
        start = 8 + length
        places = _places(entries, start, size)
    except (OSError, ValueError, RecursionError) as error:
        hint = "Copy or download it again."
        message = f"{path} is not a whole safetensors file, but damaged or incomplete ({error})."
        raise broken(message, hint) from None
    return Header(
        path=path,
        shapes={name: tuple(entry["shape"]) for name, entry in entries.items()},
        dtypes={name: entry["dtype"] for name, entry in entries.items()},
        places=places,
        metadata=metadata,
    )


def _places(entries: dict[str, Any], start: int, size: int) -> dict[str, tuple[int, int]]:
    """Where in the file each tensor lies. Raises ValueError unless they fill it from `start` to `size`, without gaps
    and without sharing."""
    places = {}
    for name, entry in entries.items():
        entry = entry if isinstance(entry, dict) else {}
        shape, offsets = _counts(entry.get("shape")), _counts(entry.get("data_offsets"))
        bits = _BITS.get(str(entry.get("dtype")))
        if shape is None or offsets is None or len(offsets) != 2 or bits is None:
            raise ValueError(f"{name} has no dtype, shape and place that can be read")
        if 8 * (offsets[1] - offsets[0]) != math.prod(shape) * bits:
            raise ValueError(f"{name} does not have the size of its shape")
        places[name] = (start + offsets[0], start + offsets[1])
    end = max((place[1] for place in places.values()), default=start)
    if size < end:
        raise ValueError(f"it has {size} bytes and should have {end}")
    reached = start
    for name, (first, last) in sorted(places.items(), key=lambda item: item[1]):
        if first != reached:
            raise ValueError(f"{name} lies {'over' if first < reached else 'apart from'} the tensor before it")
        reached = last
    if size != reached:
        raise ValueError(f"{size - reached} of its bytes belong to no tensor")
    return places


def _counts(value: Any) -> list[int] | None:
    """The value where it is a list of whole numbers, none of them negative."""
    fine = isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)
    return value if fine else None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"its header names {next(name for name in names if names.count(name) > 1)} twice")
    return found
