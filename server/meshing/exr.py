"""As much of OpenEXR as a picture of numbers needs."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

# Rows that are compressed together, by the format's ZIP compression.
ROWS = 16


def exr_bytes(values: NDArray[np.floating]) -> bytes:
    """An OpenEXR file of 16-bit floats [H, W, 3], top row first, that says of itself to hold data, not colours."""
    height, width, _ = values.shape
    # A row holds its channels one after the other, in alphabetical order.
    planes = np.ascontiguousarray(values[:, :, ::-1].transpose(0, 2, 1), "<f2")
    blocks = [
        struct.pack("<ii", row, len(packed)) + packed
        for row in range(0, height, ROWS)
        for packed in [_packed(planes[row : row + ROWS].tobytes())]
    ]
    head = _header(width, height)
    sizes = [len(block) for block in blocks]
    starts = len(head) + 8 * len(blocks) + np.cumsum([0, *sizes[:-1]])
    return head + starts.astype("<u8").tobytes() + b"".join(blocks)


def _header(width: int, height: int) -> bytes:
    half, box = 1, struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"".join(name + b"\0" + struct.pack("<iB3xii", half, 0, 1, 1) for name in (b"B", b"G", b"R"))
    attributes = [
        (b"channels", b"chlist", channels + b"\0"),
        (b"colorInteropID", b"string", b"data"),
        (b"compression", b"compression", b"\3"),
        (b"dataWindow", b"box2i", box),
        (b"displayWindow", b"box2i", box),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1)),
        (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0, 0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1)),
    ]
    written = (name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in attributes)
    return struct.pack("<ii", 20000630, 2) + b"".join(written) + b"\0"


def _packed(raw: bytes) -> bytes:
    """Low bytes before high bytes, each as its difference from the one before, deflated."""
    pairs = np.frombuffer(raw, np.uint8)
    ordered = np.concatenate([pairs[0::2], pairs[1::2]])
    steps = ordered.copy()
    steps[1:] = ordered[1:] - ordered[:-1] + np.uint8(128)
    packed = zlib.compress(steps.tobytes())
    return packed if len(packed) < len(raw) else raw
