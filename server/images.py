"""Pictures that somebody made elsewhere, of any common kind of file; those that recipes name are kept on a shelf."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from server.errors import BadRequest
from server.shelf import Shelf

MOST_BYTES = 256 * 1024 * 1024
MOST_SIDE = 8192
KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")


def read_image(source: Path | bytes) -> NDArray[np.uint8]:
    """Pixels uint8 [H, W, 4], sRGB and opacity, top row first, turned as a camera's note says.

    Raises:
        BadRequest: "image-unreadable", "image-too-large".
    """
    try:
        with Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=KINDS) as opened:
            # Before anything is unpacked: a small file can claim to hold a very large picture.
            if max(opened.size) > MOST_SIDE:
                said = f"It has {opened.width} x {opened.height} pixels, and {MOST_SIDE} a side are the most."
                raise BadRequest("image-too-large", said, "Make it smaller first.")
            turned = ImageOps.exif_transpose(opened)
            if turned.mode.startswith(("I", "F")):
                deep = np.asarray(turned, np.float32)
                grey = np.rint(deep * (255 / 65535 if turned.mode.startswith("I") else 255)).clip(0, 255)
                turned = Image.fromarray(grey.astype(np.uint8))
            pixels: NDArray[np.uint8] = np.array(turned.convert("RGBA"))
    except BadRequest:
        raise
    except Exception as error:  # PIL has a dozen kinds for what a damaged file can provoke
        hint = "Save it again, as PNG or JPEG."
        raise BadRequest("image-unreadable", f"The picture cannot be read ({error}).", hint) from None
    return pixels


def _missing() -> BadRequest:
    hint = "Send it again, then the recipe. A server keeps the newest pictures alone."
    return BadRequest("image-missing", "The picture that the texture begins as, or its mask, is not there.", hint)


PICTURES = Shelf(".image", read_image, _missing)
