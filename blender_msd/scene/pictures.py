"""The picture that a surface wears: where it is in the material, and what is in it."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.errors import Problem
from . import slots

# Of a picture that stands for a material without one.
PLAIN_SIDE = 1024


def of_surface(obj: bpy.types.Object | None) -> bpy.types.Image | None:
    """The picture in the Base Color of an object's active material; None where there is none."""
    source = _base_colour(obj)
    if source is None or not source.is_linked or not source.links:
        return None
    node = source.links[0].from_node
    return node.image if isinstance(node, bpy.types.ShaderNodeTexImage) else None


def pixels(obj: bpy.types.Object) -> NDArray[np.uint8]:
    """uint8 [H, W, 3], sRGB, top row first: the picture that an object's active material shows; where it has none, its
    plain colour.

    Raises:
        Problem: "nothing-to-fill" when there is a picture that cannot be read.
    """
    image = of_surface(obj)
    if image is None:
        return np.full((PLAIN_SIDE, PLAIN_SIDE, 3), _plain(obj), np.uint8)
    width, height = image.size
    channels = image.channels
    if not width or not height or channels < 3:
        hint = "Give the material a picture with colours, or choose All Faces."
        raise Problem("nothing-to-fill", f"The picture {image.name} has no colours that could be kept.", hint)
    values = np.empty(width * height * channels, np.float32)
    image.pixels.foreach_get(values)  # type: ignore[attr-defined]  # an array, which the stubs call a number
    rows = values.reshape(height, width, channels)[::-1, :, :3]
    return np.round(np.clip(rows, 0, 1) * 255).astype(np.uint8)


def _plain(obj: bpy.types.Object) -> NDArray[np.uint8]:
    socket: Any = _base_colour(obj)
    linear = np.array([0.8] * 3 if socket is None else socket.default_value[:3])
    found: NDArray[np.uint8] = np.round(np.clip(encoded(linear), 0, 1) * 255).astype(np.uint8)
    return found


def encoded(linear: NDArray[Any]) -> NDArray[Any]:
    """Linear light as sRGB (IEC 61966-2-1), of any shape."""
    curved = 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
    found: NDArray[Any] = np.where(linear <= 0.0031308, 12.92 * linear, curved)
    return found


def _base_colour(obj: bpy.types.Object | None) -> bpy.types.NodeSocket | None:
    shader = slots.shader_of(obj)
    return None if shader is None else shader.inputs["Base Color"]
