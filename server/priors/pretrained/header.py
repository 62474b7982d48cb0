"""The header of a safetensors file: names, types and shapes of its tensors, read without torch.

Layout (https://github.com/huggingface/safetensors): 8 bytes with the little-endian length of a JSON object that tells
every tensor's dtype, shape and place in the bytes after it; `__metadata__` holds free text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.priors.pretrained.families import broken

MOST_HEADER_BYTES = 100_000_000
_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True)
class Header:
    """Attributes: per tensor its shape and its dtype in the file's own words ("F16"); free text."""

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
    """Raises BadRequest "prior-broken" when the file is no safetensors file, or shorter than its header says."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MOST_HEADER_BYTES:
                raise ValueError("its header has no sensible length")
            entries = json.loads(file.read(length))
        metadata = entries.pop("__metadata__", {})
        start = 8 + length
        places = {name: (start + e["data_offsets"][0], start + e["data_offsets"][1]) for name, e in entries.items()}
        header = Header(
            path=path,
            shapes={name: tuple(entry["shape"]) for name, entry in entries.items()},
            dtypes={name: str(entry["dtype"]) for name, entry in entries.items()},
            places=places,
            metadata={str(key): str(value) for key, value in metadata.items()},
        )
        end = max((place[1] for place in places.values()), default=start)
        if path.stat().st_size < end:
            raise ValueError(f"it has {path.stat().st_size} bytes and should have {end}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        hint = "Copy or download it again."
        raise broken(f"{path} is not a whole safetensors file ({error}).", hint) from None
    return header
