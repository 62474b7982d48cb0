"""The picture that a texture begins as, and which part of it is made anew -> files for the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.errors import Problem
from ..core.limits import PICTURE_SIDE
from ..core.sent import Sent, png_bytes
from . import pictures

Part = Literal["ALL", "ERASED", "MASK"]


@dataclass(frozen=True)
class Source:
    """`mask`: white where it is made anew; None: everywhere. `size`: width and height of the picture."""

    image: Sent
    mask: Sent | None
    size: tuple[int, int]

    @property
    def files(self) -> tuple[Sent, ...]:
        return (self.image,) if self.mask is None else (self.image, self.mask)


def find(name: str) -> bpy.types.Image:
    """The image of this name, without looking at its pixels.

    Raises:
        Problem: "image-needed".
    """
    image = bpy.data.images.get(name)
    if image is None:
        hint = "Choose another one, or clear the field."
        raise Problem("image-needed", f"There is no image {name!r} in this file any more.", hint)
    return image


def size_of(image: bpy.types.Image, least: float = PICTURE_SIDE.least) -> tuple[int, int]:
    """Width and height.

    Args:
        least: pixels a side; by default those of a texture.

    Raises:
        Problem: "image-needed" when it has no pixels, too few or too many.
    """
    width, height = image.size
    if not all(least <= side <= PICTURE_SIDE.most for side in (width, height)):
        said = f"{image.name} has {width} x {height} pixels." if width else f"{image.name} has no pixels."
        hint = f"Choose a picture of {least:g} to {PICTURE_SIDE.most:g} pixels a side."
        raise Problem("image-needed", said, hint)
    return width, height


def check(name: str, part: Part, mask: str) -> None:
    """Make sure that the images are there. Raises as `find`; nothing is looked at while a panel is drawn."""
    if name:
        find(name)
    if name and part == "MASK":
        find(mask)


def gather(name: str, part: Part, mask: str) -> Source:
    """The picture of this name, with what says where it is made anew.

    Args:
        part: everything, what is transparent in it, or what is white in the image `mask`.

    Raises:
        Problem: "image-needed".
    """
    image = find(name)
    size = size_of(image)
    pixels = _pixels(image)
    where = None
    if part == "ERASED":
        where = 255 - pixels[..., 3:]
    elif part == "MASK":
        other = find(mask)
        size_of(other, least=1)
        where = _pixels(other)[..., :3]
    packed = None if where is None else Sent("images", png_bytes(where))
    return Source(Sent("images", png_bytes(pixels[..., :3])), packed, size)


def _pixels(image: bpy.types.Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 4], sRGB, top row first."""
    width, height = image.size
    values = np.empty((height, width, image.channels), np.float32)
    image.pixels.foreach_get(values.ravel())  # type: ignore[attr-defined]  # an array, which the stubs call a number
    colour = values[..., :3] if image.channels >= 3 else np.repeat(values[..., :1], 3, 2)
    if image.is_float:
        colour = pictures.encoded(colour)
    alpha = values[..., -1:] if image.channels in (2, 4) else np.ones((height, width, 1), np.float32)
    whole = np.concatenate([colour, alpha], -1)[::-1]
    found: NDArray[np.uint8] = np.round(np.clip(np.nan_to_num(whole), 0, 1) * 255).astype(np.uint8)
    return found
