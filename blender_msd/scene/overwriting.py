"""Image datablocks that carry their own file, and putting another picture into one that is there already.

What was in it is kept in an image of its own: undo cannot be relied on for pixels.
"""

from __future__ import annotations

from typing import Any

import bpy

from ..core.arrays import Png
from ..core.names import block_name
from .present import present

# On an image that was filled: the image that holds what was in it before.
BEFORE = "msd_before"


def packed(name: str, png: Png) -> bpy.types.Image:
    """An image datablock that carries its own file."""
    # Its size comes with the file: room for its pixels would be made for nothing.
    image = bpy.data.images.new(name, 1, 1)
    _put(image, png.data)
    return image


def find(session_uid: int) -> bpy.types.Image | None:
    """The image with this `session_uid`, if it still exists and may be changed."""
    image = next((image for image in bpy.data.images if image.session_uid == session_uid), None)
    return image if can_be_filled(image) else None


def can_be_filled(image: bpy.types.Image | None) -> bool:
    """A single picture of this file: no render result, film, sequence or set of tiles, and nothing that is linked."""
    return (
        image is not None
        and image.library is None
        and image.source in ("FILE", "GENERATED")
        and image.type != "MULTILAYER"
    )


def fill(image: bpy.types.Image, png: Png) -> bpy.types.Image:
    """Put another picture into an image. The first picture that it had is kept until `restore`; returns the image."""
    kept: Any = image  # its custom properties
    if kept.get(BEFORE) is None and image.size[0]:
        kept[BEFORE] = _copy_of(image)
    _put(image, png.data)
    return image


def restore(image: bpy.types.Image) -> None:
    """Give an image back what it held before it was filled."""
    kept: Any = image
    before: bpy.types.Image = kept[BEFORE]
    _put(image, _file_of(before))
    del kept[BEFORE]
    bpy.data.images.remove(before)


def was_filled(image: bpy.types.Image | None) -> bool:
    """Whether there is something to restore."""
    kept: Any = image
    return kept is not None and kept.get(BEFORE) is not None


def _copy_of(image: bpy.types.Image) -> bpy.types.Image:
    if image.packed_file is None or image.is_dirty:
        image.pack()
    copy = bpy.data.images.new(block_name(image.name, " before"), *image.size)
    colours: Any = (copy.colorspace_settings, image.colorspace_settings)
    colours[0].name = colours[1].name
    _put(copy, _file_of(image))
    return copy


def _file_of(image: bpy.types.Image) -> bytes:
    data: Any = present(image.packed_file).data
    return bytes(data)


def _put(image: bpy.types.Image, data: bytes) -> None:
    # The file itself is packed: nothing is encoded again, and nothing is decoded before it is first seen.
    image.pack(data=data, data_len=len(data))  # type: ignore[arg-type]  # bytes, which the stubs call text
    image.source = "FILE"
    image.buffers_free()
