"""Files that go to the server before the recipe that names them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_PNG = b"\x89PNG\r\n\x1a\n"
# By the number of channels.
_COLOURS = {1: 0, 3: 2, 4: 6}
# Fast, and good enough for a file that goes to this very computer.
_LEVEL = 1


@dataclass(frozen=True)
class Sent:
    """A file, and the SHA-256 by which recipes name it."""

    kind: Literal["meshes", "images"]
    data: bytes
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", hashlib.sha256(self.data).hexdigest())


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of pixels [H, W, 1, 3 or 4], top row first."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    # Every row has a byte before its pixels, which says how it is filtered.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), _LEVEL)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
