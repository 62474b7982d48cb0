"""Bytes from the server -> arrays that are safe to hand to Blender.

Blender trusts what it is given: an index beyond the last vertex ends the whole program. So every array is checked here,
off the main thread, before anybody sees it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import Problem

MAX_VERTICES = 4_000_000
MAX_TRIANGLES = 8_000_000
MAX_IMAGE_SIDE = 16_384
MAX_DOWNLOAD = 512 * 1024 * 1024

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Mesh:
    """A checked mesh: Blender axes, Z up, base at z = 0, longest side 1.

    Attributes:
        position: float32 [V, 3], finite.
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
    """A PNG file whose header was checked (the pixels are decoded by Blender).

    Raises:
        Problem: "image-damaged".
    """
    # Signature, then the header chunk: length (4), "IHDR", width (4), height (4), all big-endian.
    if len(data) < 33 or not data.startswith(_PNG_SIGNATURE) or data[12:16] != b"IHDR" or b"IEND" not in data[-16:]:
        raise _damaged("image-damaged", "it is not a whole PNG file")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE):
        raise _damaged("image-damaged", f"it is {width} x {height} pixels")
    return Png(width, height, data)


def _open_npz(data: bytes, code: str) -> Mapping[str, NDArray]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # The sizes are read before anything is unpacked: a small file can claim to hold a very large one.
            if sum(entry.file_size for entry in archive.infolist()) > MAX_DOWNLOAD:
                raise _damaged(code, "it is larger than any result")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError, SyntaxError) as error:
        raise _damaged(code, f"the file cannot be read ({error})") from None


def _take(arrays: Mapping[str, NDArray], name: str, dtype: type, columns: int, code: str) -> NDArray:
    array = arrays.get(name)
    if array is None:
        raise _damaged(code, f"{name!r} is missing")
    if array.dtype != dtype or array.ndim != 2 or array.shape[1] != columns:
        raise _damaged(code, f"{name!r} is {array.dtype} {list(array.shape)}, not {np.dtype(dtype)} [n, {columns}]")
    return np.ascontiguousarray(array)


def _damaged(code: str, reason: str) -> Problem:
    thing = "mesh" if code == "mesh-damaged" else "picture"
    return Problem(code, f"The {thing} was refused: {reason}.", "Your scene was not touched. Please try again.")
