"""Bytes from the server -> arrays that are safe to hand to Blender.

Blender trusts what it is given: an index beyond the last vertex ends the whole program. So every array is checked here,
off the main thread, before anybody sees it.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import Problem

MAX_VERTICES = 4_000_000
MAX_TRIANGLES = 8_000_000
MAX_IMAGE_SIDE = 16_384
# Far more than any mesh of longest side 1; beyond it a size in scene units could leave the range of 32 bits.
MAX_DISTANCE = 100.0
MAX_DOWNLOAD = 512 * 1024 * 1024

# By its kind of colour.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PIECE = 1 << 16
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Mesh:
    """A checked mesh: Blender axes, Z up, base at z = 0, longest side 1.

    Attributes:
        position: float32 [V, 3], finite, at most `MAX_DISTANCE` from the origin along each axis.
        triangle: int32 [F, 3], in [0, V), three different corners each.
        colour: uint8 [V, 4], sRGB.
        uv: float32 [F, 3, 2] of the faces' corners, finite, v upward; None when the mesh has no texture.
        maps: the texture's pictures, when they came with it.
    """

    position: NDArray[np.float32]
    triangle: NDArray[np.int32]
    colour: NDArray[np.uint8]
    uv: NDArray[np.float32] | None = None
    maps: Maps | None = None


@dataclass(frozen=True)
class Pixels:
    """A checked picture as Blender stores it: float32 [height * width * 4] RGBA in [0, 1], bottom row first."""

    width: int
    height: int
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Png:
    """A PNG file, `width` x `height` pixels."""

    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Maps:
    """What a texture consists of: colours in sRGB, and a tangent-space normal map."""

    albedo: Png
    normal: Png


def read_mesh(data: bytes) -> Mesh:
    """Mesh from an uncompressed `.npz` with `position`, `triangle`, `colour` and perhaps `uv`.

    Triangles that name a corner twice have no area and are left out.

    Raises:
        Problem: "mesh-damaged", naming what is wrong.
    """
    arrays = _open_npz(data, "mesh-damaged")
    position = _take(arrays, "position", np.float32, 3, "mesh-damaged")
    triangle = _take(arrays, "triangle", np.int32, 3, "mesh-damaged")
    colour = _take(arrays, "colour", np.uint8, 4, "mesh-damaged")
    if not 3 <= len(position) <= MAX_VERTICES or not 1 <= len(triangle) <= MAX_TRIANGLES:
        raise _damaged("mesh-damaged", f"it has {len(position)} vertices and {len(triangle)} faces")
    if len(colour) != len(position):
        raise _damaged("mesh-damaged", f"it has {len(position)} vertices and {len(colour)} colours")
    if not np.isfinite(position).all():
        raise _damaged("mesh-damaged", "some positions are not finite numbers")
    if np.abs(position).max() > MAX_DISTANCE:
        raise _damaged("mesh-damaged", f"it reaches {np.abs(position).max():.3g} units far, but its longest side is 1")
    if triangle.min() < 0 or triangle.max() >= len(position):
        raise _damaged(
            "mesh-damaged",
            f"faces use vertices {triangle.min()} to {triangle.max()}, but there are {len(position)}",
        )
    uv = arrays.get("uv")
    if uv is not None and (uv.dtype != np.float32 or uv.shape != (len(triangle), 3, 2) or not np.isfinite(uv).all()):
        raise _damaged("mesh-damaged", f"'uv' is {uv.dtype} {list(uv.shape)}, or not finite")
    a, b, c = triangle.T
    whole = (a != b) & (b != c) & (c != a)
    triangle = np.ascontiguousarray(triangle[whole])
    if not len(triangle):
        raise _damaged("mesh-damaged", "no face has an area")
    return Mesh(position, triangle, colour, None if uv is None else np.ascontiguousarray(uv[whole]))


def read_pixels(data: bytes) -> Pixels:
    """Live picture from an `.npz` with `pixels` uint8 [H, W, 4], top row first.

    Raises:
        Problem: "image-damaged".
    """
    arrays = _open_npz(data, "image-damaged")
    pixels = arrays.get("pixels")
    if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise _damaged("image-damaged", "its pixels are not 8-bit RGBA")
    height, width = pixels.shape[:2]
    if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE):
        raise _damaged("image-damaged", f"it is {width} x {height} pixels")
    return Pixels(width, height, (pixels[::-1].astype(np.float32) / 255.0).ravel())


def read_png(data: bytes) -> Png:
    """A whole, undamaged PNG file (the pixels are decoded by Blender, which shows a damaged one in pink).

    Raises:
        Problem: "image-damaged".
    """
    if not data.startswith(_PNG_SIGNATURE):
        raise _damaged("image-damaged", "it is not a PNG file")
    chunks = list(_png_chunks(data))
    names = [name for name, _ in chunks]
    if names[:1] != [b"IHDR"] or len(chunks[0][1]) != 13 or names[-1:] != [b"IEND"]:
        raise _damaged("image-damaged", "it is not a whole PNG file")
    # Width (4) and height (4), big-endian, bits a channel (1), kind of colour (1).
    header = chunks[0][1]
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE):
        raise _damaged("image-damaged", f"it is {width} x {height} pixels")
    bits = width * header[8] * _PNG_CHANNELS.get(header[9], 0)
    try:
        size = _inflated_size(b"".join(content for name, content in chunks if name == b"IDAT"))
    except zlib.error:
        size = 0
    # Every row has a byte before its pixels.
    if not bits or size < height * (1 + (bits + 7) // 8):
        raise _damaged("image-damaged", "its pixels are not all there")
    return Png(width, height, data)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk whose checksum is right, up to the first that is not: length (4), name (4),
    content, checksum (4), all big-endian."""
    at = len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data) or zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return
        yield data[at + 4 : at + 8], data[at + 8 : end]
        at = end + 4


def _inflated_size(data: bytes) -> int:
    inflate = zlib.decompressobj()
    # In pieces, because a small file can hold a very large one.
    return sum(len(inflate.decompress(data[at : at + _PIECE])) for at in range(0, len(data), _PIECE))


def _open_npz(data: bytes, code: str) -> Mapping[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # The sizes are read before anything is unpacked: a small file can claim to hold a very large one.
            if sum(entry.file_size for entry in archive.infolist()) > MAX_DOWNLOAD:
                raise _damaged(code, "it is larger than any result")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Problem:
        raise
    except Exception as error:  # zipfile, zlib and numpy have a dozen kinds for what a damaged file can provoke
        raise _damaged(code, f"the file cannot be read ({error})") from None


def _take(arrays: Mapping[str, NDArray[Any]], name: str, dtype: type, columns: int, code: str) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None:
        raise _damaged(code, f"{name!r} is missing")
    if array.dtype != dtype or array.ndim != 2 or array.shape[1] != columns:
        raise _damaged(code, f"{name!r} is {array.dtype} {list(array.shape)}, not {np.dtype(dtype)} [n, {columns}]")
    return np.ascontiguousarray(array)


def _damaged(code: str, reason: str) -> Problem:
    thing = "mesh" if code == "mesh-damaged" else "picture"
    return Problem(code, f"The {thing} was refused: {reason}.", "Your scene was not touched. Please try again.")
