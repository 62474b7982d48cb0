"""The picture that a coordinate picture begins as: it is fitted to it, and where it is masked, shows it for good."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from server.generators.picture import Picture

# Pixels along a cell of the finest grid that a picture is fitted to: with fewer, nodes could take turns.
PIXELS_OF_A_CELL = 2
FIT_STEPS, FIT_POINTS, FIT_RATE = 300, 2**13, 0.05


class Original:
    """An image laid out on the plane of a tile, as fine as a picture's grids can hold it.

    Args:
        image: [3, H, W] in [0, 1], the whole tile.
        share: [H, W] in [0, 1], how much of a new picture is seen over it; None: nothing but the new one.
    """

    def __init__(self, image: Tensor, share: Tensor | None, picture: Picture) -> None:
        self._extent, self._periodic = picture.extent, picture.periodic
        across, down = picture.cells
        self.masked = share is not None
        layers = image if share is None else torch.cat([image, share[None]])
        size = (PIXELS_OF_A_CELL * down, PIXELS_OF_A_CELL * across)
        smaller = layers.shape[1] > size[0] and layers.shape[2] > size[1]
        kind = "area" if smaller else "bilinear"
        self._layers = functional.interpolate(layers[None], size, mode=kind)[0].to(picture.grids[0].device)

    def read(self, points: Tensor) -> Tensor:
        """Colours, and the share where there is a mask, [N, 3 or 4] at points [N, 2] in windows."""
        # One pixel more on every side, so that what lies between the last pixel and the first is read as well.
        padded = self._layers[None]
        for axis, sides in ((0, (1, 1, 0, 0)), (1, (0, 0, 1, 1))):
            padded = functional.pad(padded, sides, "circular" if self._periodic[axis] else "replicate")
        height, width = self._layers.shape[1:]
        places = []
        for axis, count in ((0, width), (1, height)):
            place = points[:, axis] / self._extent[axis]
            place = place.remainder(1) if self._periodic[axis] else place.clamp(0, 1)
            places.append((place * count + 1) * (2 / (count + 2)) - 1)
        grid = torch.stack(places, -1)[None, None]
        found: Tensor = functional.grid_sample(padded, grid, align_corners=False)[0, :, 0].T
        return found

    def under(self, colour: Tensor, points: Tensor) -> Tensor:
        """What is seen where a new picture has these colours [N, 3]."""
        if not self.masked:
            return colour
        with torch.no_grad():
            old, share = self.read(points).split([3, 1], -1)
        return old + share * (colour - old)


def fit(picture: Picture, original: Original, generator: torch.Generator) -> None:
    """Give the picture the colours of the original, as far as its grids can hold them."""
    optimiser = torch.optim.Adam(picture.parameters(), lr=FIT_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, FIT_STEPS, FIT_RATE / 50)
    extent = torch.tensor(picture.extent)
    for _ in range(FIT_STEPS):
        points = (torch.rand(FIT_POINTS, 2, generator=generator) * extent).to(picture.grids[0].device)
        loss = (picture(points) - original.read(points)[:, :3]).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
