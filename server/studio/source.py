"""The picture that a texture begins as, and what of it is in the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from server.generators.grain import recoloured, recolouring
from server.generators.original import Original
from server.generators.picture import Picture
from server.images import PICTURES
from server.studio.assignment import Assignment

# A tile's edges fit together where they differ by no more than this many times what any neighbours inside it do.
FITS_TOGETHER = 1.25


@dataclass(frozen=True)
class Source:
    """The picture, of the size of the texture.

    Attributes:
        image: float32 [3, H, W] in [0, 1], whole 255ths.
        share: float32 [H, W] in [0, 1], how much of the new picture is seen; exactly 0 outside the mask; None without
            one.
        reimagine: as in the recipe.
    """

    image: Tensor
    share: Tensor | None
    reimagine: float

    def resized(self, width: int, height: int) -> Source:
        """The same in fewer pixels."""
        layers = self.image if self.share is None else torch.cat([self.image, self.share[None]])
        fewer = functional.interpolate(layers[None], (height, width), mode="area")[0]
        return Source(fewer[:3], None if self.share is None else fewer[3], self.reimagine)

    def original(self, picture: Picture) -> Original:
        return Original(self.image, picture)

    def result(self, fitted: Picture, picture: Picture) -> Tensor:
        """[3, H, W]: what became of the picture, with the detail that its grids could not hold, and outside the mask
        the source itself."""
        height, width = self.image.shape[1:]
        across, down = picture.cells
        matrix = recolouring(
            fitted.paint(across, down), picture.paint(across, down), 1 - self.reimagine, picture.periodic
        )
        new = picture.paint(width, height)
        new += recoloured(self.image.to(new) - fitted.paint(width, height), matrix)
        new = new.clamp(0, 1)
        if self.share is None:
            return new
        share, old = self.share.to(new), self.image.to(new)
        return torch.where(share > 0, old + share * (new - old), old)


def source_of(asked: Assignment) -> Source | None:
    """The picture that the recipe begins as, if it names one; warned of when its edges do not fit together.

    Raises:
        BadRequest: "image-missing", or as `server.images.read_image`.
    """
    texture, wish = asked.recipe.texture, asked.recipe.texture.source
    if not wish.image:
        return None
    size = texture.width, texture.height
    pixels = _resized(PICTURES.get(asked.given, wish.image)[..., :3], size)
    repeats = (texture.tile_x, texture.tile_y)
    share = None
    if wish.mask:
        grey = _resized(PICTURES.get(asked.given, wish.mask)[..., :3], size).mean(-1) / 255
        share = torch.from_numpy(feathered(grey.astype(np.float32), wish.feather, repeats))
    sides = zip(("left and right", "top and bottom"), (1, 0), repeats, strict=True)
    loose = [name for name, axis, repeated in sides if repeated and not fits_together(pixels, axis)]
    if loose:
        kept = "The part that is kept shows the seam." if wish.mask else "Where little is made anew, the seam stays."
        asked.warn(f"The edges of the picture that this begins as do not fit together ({' and '.join(loose)}). {kept}")
    return Source(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, share, wish.reimagine)


def feathered(mask: NDArray[np.float32], feather: int, repeats: tuple[bool, bool]) -> NDArray[np.float32]:
    """How much of the new picture is seen: 0 where the mask [H, W] is, and rising within `feather` pixels inside it.

    Args:
        repeats: along x and y; what is masked at one edge goes on at the other.
    """
    inside = mask >= 0.5 / 255
    if not feather or inside.all():
        return np.where(inside, mask, 0).astype(np.float32)
    sides = [feather if repeats[1 - axis] else 0 for axis in range(2)]
    wide = np.pad(inside, [(side, side) for side in sides], mode="wrap")
    away = distance_transform_edt(wide)[sides[0] : wide.shape[0] - sides[0], sides[1] : wide.shape[1] - sides[1]]
    # The first pixel inside is one away from the last one outside.
    rise = np.clip(away / (feather + 1), 0, 1)
    return (mask * inside * rise * rise * (3 - 2 * rise)).astype(np.float32)


def fits_together(pixels: NDArray[np.uint8], axis: int) -> bool:
    """Whether the last line of pixels [H, W, 3] along an axis is followed by the first one as lines are inside."""
    lines = np.moveaxis(pixels.astype(np.float32), axis, 0)
    steps = np.abs(np.diff(lines, axis=0)).mean((1, 2))
    across = float(np.abs(lines[0] - lines[-1]).mean())
    return len(steps) == 0 or across <= FITS_TOGETHER * float(steps.max()) + 1


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if pixels.shape[1::-1] == size:
        return np.ascontiguousarray(pixels)
    return np.array(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS))
