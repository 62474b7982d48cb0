"""The picture that a coordinate picture begins as, by being fitted to it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from server.generators.picture import Picture, padded

# Pixels along a cell of the finest grid that a picture is fitted to: with fewer, nodes could take turns.
PIXELS_OF_A_CELL = 2
FIT_STEPS, FIT_POINTS, FIT_RATE = 300, 2**13, 0.05


class Original:
    """An image laid out on the plane of a tile, as fine as a picture's grids can hold it.

    Args:
        image: [3, H, W] in [0, 1], the whole tile.
    """

    def __init__(self, image: Tensor, picture: Picture) -> None:
        self._extent, self._periodic = picture.extent, picture.periodic
        across, down = picture.cells
        size = (PIXELS_OF_A_CELL * down, PIXELS_OF_A_CELL * across)
        smaller = image.shape[1] > size[0] and image.shape[2] > size[1]
        kind = "area" if smaller else "bilinear"
        smooth = functional.interpolate(image[None], size, mode=kind)[0].to(picture.grids[0].device)
        # One pixel more on every side, so that what lies between the last pixel and the first is read as well.
        self._padded = padded(smooth, 1, self._periodic)[None]

    def read(self, points: Tensor) -> Tensor:
        """Colours [N, 3] at points [N, 2] in windows."""
        height, width = (side - 2 for side in self._padded.shape[2:])
        places = []
        for axis, count in ((0, width), (1, height)):
            place = points[:, axis] / self._extent[axis]
            place = place.remainder(1) if self._periodic[axis] else place.clamp(0, 1)
            places.append((place * count + 1) * (2 / (count + 2)) - 1)
        grid = torch.stack(places, -1)[None, None]
        found: Tensor = functional.grid_sample(self._padded, grid, align_corners=False)[0, :, 0].T
        return found


def fit(picture: Picture, original: Original, generator: torch.Generator) -> None:
    """Give the picture the colours of the original, as far as its grids can hold them."""
    optimiser = torch.optim.Adam(picture.parameters(), lr=FIT_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, FIT_STEPS, FIT_RATE / 50)
    extent = torch.tensor(picture.extent)
    for _ in range(FIT_STEPS):
        points = (torch.rand(FIT_POINTS, 2, generator=generator) * extent).to(picture.grids[0].device)
        loss = (picture(points) - original.read(points)).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
