"""PNG files, and the notes in them that say how a picture was made."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from server import __version__
from server.files import write_bytes


def png_bytes(pixels: NDArray[np.uint8 | np.uint16], recipe: str | None = None) -> bytes:
    """A PNG file.

    Args:
        pixels: [H, W, 3 or 4] of 8 bits, or grey ones, [H, W] of 8 or 16 bits; top row first.
        recipe: JSON; kept as the text "recipe", beside "Software".
    """
    notes: Mapping[str, str] = {} if recipe is None else {"Software": f"Blender MSD {__version__}", "recipe": recipe}
    texts = PngImagePlugin.PngInfo()
    for name, text in notes.items():
        # As tEXt in Latin-1, or, with characters that it lacks, as iTXt in UTF-8.
        texts.add_text(name, text)
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, format="PNG", pnginfo=texts)
    return encoded.getvalue()


def write_png(path: Path, pixels: NDArray[np.uint8 | np.uint16], recipe: str | None = None) -> None:
    """Replace `path` by `png_bytes`, whole or not at all. Raises OSError, as server.files.replaced."""
    write_bytes(path, png_bytes(pixels, recipe))
