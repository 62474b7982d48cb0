"""A binary glTF 2.0 file with one mesh in it, written value by value: nothing is left to a library's defaults."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.meshing.arrays import Floats, Triangles
from server.png import png_bytes

VERTEX_DATA, VERTEX_INDICES = 34962, 34963
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class GltfFile:
    """Collects arrays and pictures, in the order in which they are to lie in the file."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []

    def vertices(self, values: Floats, bounded: bool = False) -> int:
        """Float32 [V, 2 to 4]; returns its accessor. Bounds are demanded of positions."""
        values = np.ascontiguousarray(values, "<f4")
        bounds = {"min": values.min(0).tolist(), "max": values.max(0).tolist()} if bounded else {}
        return self._accessor(self._view(values.tobytes(), VERTEX_DATA), 5126, TYPES[values.shape[1]], values, bounds)

    def triangles(self, triangles: Triangles) -> int:
        """[F, 3]; returns its accessor."""
        corners = np.ascontiguousarray(triangles, "<u4").ravel()
        return self._accessor(self._view(corners.tobytes(), VERTEX_INDICES), 5125, "SCALAR", corners, {})

    def texture(self, pixels: NDArray[np.uint8], name: str) -> dict[str, int]:
        """Pixels [H, W, 3], kept as a PNG without loss; returns what a material refers to it by."""
        self._images.append({"name": name, "mimeType": "image/png", "bufferView": self._view(png_bytes(pixels))})
        return {"index": len(self._images) - 1}

    def as_bytes(
        self, name: str, attributes: dict[str, int], indices: int, material: dict[str, Any], extras: dict[str, Any]
    ) -> bytes:
        """The file: a scene with one node with one mesh with one material, all called `name`.

        Args:
            attributes: {"POSITION": accessor, ...}.
            material: without its name.
            extras: kept with the file's account of itself, as JSON.
        """
        primitive = {"attributes": attributes, "indices": indices, "material": 0}
        tree: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Blender MSD", **({"extras": extras} if extras else {})},
            "scene": 0,
            "scenes": [{"name": name, "nodes": [0]}],
            "nodes": [{"name": name, "mesh": 0}],
            "meshes": [{"name": name, "primitives": [primitive]}],
            "materials": [{"name": name, **material}],
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": len(self._data)}],
        }
        if self._images:
            tree["textures"] = [{"source": number} for number in range(len(self._images))]
            tree["images"] = self._images
        words = json.dumps(tree, separators=(",", ":")).encode()
        chunks = _chunk(b"JSON", words, b" ") + _chunk(b"BIN\0", bytes(self._data), b"\0")
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def _view(self, data: bytes, target: int | None = None) -> int:
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._data), "byteLength": len(data)}
        self._views.append(view if target is None else {**view, "target": target})
        # Every view begins at a multiple of four bytes.
        self._data += data + bytes(-len(data) % 4)
        return len(self._views) - 1

    def _accessor(self, view: int, component: int, kind: str, values: np.ndarray, bounds: dict[str, Any]) -> int:
        accessor = {"bufferView": view, "componentType": component, "type": kind, "count": len(values), **bounds}
        self._accessors.append(accessor)
        return len(self._accessors) - 1


def _chunk(kind: bytes, data: bytes, padding: bytes) -> bytes:
    data += padding * (-len(data) % 4)
    return struct.pack("<I4s", len(data), kind) + data
