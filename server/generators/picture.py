"""A picture as a coordinate network: plane coordinates -> colour, periodic along the axes that must tile.

Features are read from square grids of several resolutions (Mueller et al. 2022, without the hashing that a plane can do
without) and decoded by a small network. A grid that repeats after a whole number of cells has no seam to hide, and what
is learnt at one place leaves the others alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from server.generators.plane_noise import PlaneNoise, one_for_all
from server.generators.subject import Exposure, NoiseLaws
from server.world.tiles import windows_in

COARSEST = 4
# Points of a step at a time. More are looked at in parts that keep no graph and are made again on the way back, so that
# memory does not grow with the number of pixels.
MOST_POINTS = 2**20

# Along one side of a cell of the finest grid: with so many, one point in every pixel is as good as four.
PIXELS_OF_A_CELL = 8
# With so many, what lies between them is on a straight line, to about a step of 8 bits.
ENOUGH_PIXELS = 16


def padded(image: Tensor, margin: int, periodic: tuple[bool, bool]) -> Tensor:
    """[C, H + 2 margin, W + 2 margin]: an image [C, H, W] with what lies beyond its edges, where it repeats and where
    not."""
    for axis, sides in ((0, (margin, margin, 0, 0)), (1, (0, 0, margin, margin))):
        image = nn.functional.pad(image[None], sides, "circular" if periodic[axis] else "replicate")[0]
    return image


class Picture(nn.Module):
    """Colour in (0, 1) at every point of a plane; one tile spans [0, extent_x] x [0, extent_y], in windows.

    A window is what the prior sees at once: one square image of its size.

    Args:
        extent: width and height of the tile, in windows.
        periodic: whether the picture repeats along x and along y.
        finest: cells of the finest grid along a window; the others have half as many each, down to COARSEST. As many as
            the prior has pixels: it says nothing about anything finer.
        features: of each grid.
    """

    def __init__(
        self,
        extent: tuple[float, float],
        periodic: tuple[bool, bool],
        generator: torch.Generator,
        finest: int = 64,
        features: int = 4,
        hidden: int = 32,
    ) -> None:
        super().__init__()
        self.extent = extent
        self.periodic = periodic
        resolutions = [finest]
        while resolutions[0] // 2 >= COARSEST:
            resolutions.insert(0, resolutions[0] // 2)
        # Whole cells per tile are what makes the two edges meet.
        self._cells = [tuple(max(1, round(side * per_window)) for side in extent) for per_window in resolutions]
        # [rows * columns, features] each; an axis that does not repeat has a last line of nodes of its own.
        self.grids = nn.ParameterList(
            nn.Parameter(1e-2 * (2 * torch.rand(self._nodes(cells), features, generator=generator) - 1))
            for cells in self._cells
        )
        self.network = nn.Sequential(nn.Linear(features * len(resolutions), hidden), nn.SiLU(), nn.Linear(hidden, 3))
        with torch.no_grad():
            for layer in self.network:
                if isinstance(layer, nn.Linear):
                    bound = layer.in_features**-0.5
                    layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
                    layer.bias.zero_()

    @property
    def cells(self) -> tuple[int, int]:
        """Of the finest grid, along x and y."""
        across, down = self._cells[-1]
        return across, down

    def _sides(self, cells: tuple[int, ...]) -> tuple[int, int]:
        """Columns and rows of nodes."""
        columns, rows = (n if repeats else n + 1 for n, repeats in zip(cells, self.periodic, strict=True))
        return columns, rows

    def _nodes(self, cells: tuple[int, ...]) -> int:
        columns, rows = self._sides(cells)
        return columns * rows

    def forward(self, points: Tensor) -> Tensor:
        """Colour [N, 3] at points [N, 2], in windows; x grows to the right, y downwards. Beyond an edge that does not
        repeat, the colour is that of the edge."""
        read = [self._read(grid, cells, points) for grid, cells in zip(self.grids, self._cells, strict=True)]
        return torch.sigmoid(self.network(torch.cat(read, -1)))

    def _read(self, grid: Tensor, cells: tuple[int, ...], points: Tensor) -> Tensor:
        """Features [N, F] of one grid, interpolated between the four nodes around each point."""
        columns, _ = self._sides(cells)
        before, after, share = [], [], []
        for axis in range(2):
            count = cells[axis]
            place = points[:, axis] * (count / self.extent[axis])
            if self.periodic[axis]:
                place = place.remainder(count)
                # A remainder may be rounded up to the divisor itself.
                first = place.long().clamp(max=count - 1)
                second = torch.where(first == count - 1, 0, first + 1)
            else:
                place = place.clamp(0, count)
                first = place.long().clamp(max=count - 1)
                second = first + 1
            before.append(first)
            after.append(second)
            share.append((place - first)[:, None])
        (x, y), (to_x, to_y) = before, after
        right, down = share
        top = grid.index_select(0, y * columns + x) * (1 - right) + grid.index_select(0, y * columns + to_x) * right
        low = (
            grid.index_select(0, to_y * columns + x) * (1 - right) + grid.index_select(0, to_y * columns + to_x) * right
        )
        return top * (1 - down) + low * down

    @torch.no_grad()
    def paint(self, width: int, height: int, samples: int | None = None) -> Tensor:
        """The whole tile as an image [3, height, width], averaging samples x samples points in every pixel.

        Args:
            samples: None takes two, or one where pixels are much finer than anything that the grids can hold.
        """
        if samples is None:
            across, down = self.cells
            samples = 1 if min(width / across, height / down) >= PIXELS_OF_A_CELL else 2
        step = self._skipped(width, height)
        if step > 1:
            return self._enlarged(self.paint(width // step, height // step, 1), step)
        device = self.grids[0].device
        columns = (torch.arange(width * samples, device=device) + 0.5) / (width * samples)
        rows = (torch.arange(height * samples, device=device) + 0.5) / (height * samples)
        # One piece of memory: strips that are kept between what is let go would leave gaps of gigabytes.
        image = torch.empty(3, height, width, device=device)
        done = 0
        for part in rows.split(max(1, 2**16 // (width * samples)) * samples):
            grid = torch.meshgrid(part * self.extent[1], columns * self.extent[0], indexing="ij")
            colour = self(torch.stack([grid[1], grid[0]], -1).view(-1, 2)).view(len(part), len(columns), 3)
            strip = nn.functional.avg_pool2d(colour.permute(2, 0, 1), samples)
            image[:, done : done + strip.shape[1]] = strip
            done += strip.shape[1]
        return image

    def _skipped(self, width: int, height: int) -> int:
        """How many pixels along a side are read at once."""
        across, down = self.cells
        most = int(min(width / across, height / down) // ENOUGH_PIXELS)
        return next((step for step in range(most, 1, -1) if width % step == 0 and height % step == 0), 1)

    def _enlarged(self, image: Tensor, step: int) -> Tensor:
        """[3, H * step, W * step] between the pixels of [3, H, W], strip by strip."""
        height, width = image.shape[1:]
        image = padded(image, 1, self.periodic)
        large = torch.empty(3, height * step, width * step, device=image.device)
        rows = max(1, 2**20 // (width * step * step))
        for first in range(0, height, rows):
            last = min(first + rows, height)
            strip = nn.functional.interpolate(image[None, :, first : last + 2], scale_factor=step, mode="bilinear")[0]
            large[:, first * step : last * step] = strip[:, step:-step, step:-step]
        return large


class PictureSubject:
    """A picture seen through windows at random places, each pixel at a random point inside it.

    Args:
        windows_per_step: for every window's worth of the tile.
        size: pixels per side of a window.
        cells: per side of a window's latent. Windows lie on whole cells: an autoencoder sees a picture that is moved by
            less as another one, and noise that is attached to the picture would not move with it.
        seed: of the noise that is attached to the picture.
        learning_rate: peak of the grids'; the network learns at a quarter of it.
    """

    def __init__(
        self,
        picture: Picture,
        windows_per_step: int,
        size: int,
        cells: int,
        seed: int,
        learning_rate: float = 0.02,
    ) -> None:
        self._learning_rate = learning_rate
        self.picture = picture
        self._windows = windows_per_step
        self._size = size
        self._cells = cells
        self._noise = PlaneNoise(picture.extent, seed)
        self._seed = seed

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        corner = self._corners(generator)
        count, size = len(corner), self._size
        line = torch.arange(size, dtype=torch.float32)
        rows, columns = torch.meshgrid(line, line, indexing="ij")
        inside = torch.stack([columns, rows], -1)[None]
        jitter = torch.rand(count, size, size, 2, generator=generator)
        points = (corner[:, None, None] + (inside + jitter) / size).to(self.picture.grids[0].device)
        colour = self._look(points.view(-1, 2)).view(count, size, size, 3)

        def attached(number: int, shape: torch.Size) -> Tensor:
            return self._noise.seen(corner, number, shape[1], shape[2])

        laws = NoiseLaws(attached, one_for_all(self._seed))
        return Exposure(colour.permute(0, 3, 1, 2), None, colour.new_zeros(()), noise=laws)

    def _corners(self, generator: torch.Generator) -> Tensor:
        """Places [B, 2] of the windows' upper left corners, in windows: in each axis spread evenly over the tile."""
        extent, periodic = self.picture.extent, self.picture.periodic
        count = self._windows * windows_in(extent)
        corner = torch.empty(count, 2)
        for axis in range(2):
            if periodic[axis]:
                # A tiling picture may be looked at across its edge; any other only inside, and its edges as often as
                # its middle.
                low, high = 0.0, extent[axis]
            else:
                low, high = -0.5, extent[axis] - 0.5
            order = torch.randperm(count, generator=generator)
            place = low + (high - low) * (order + torch.rand(1, generator=generator)) / count
            place = (place * self._cells).round() / self._cells
            corner[:, axis] = place if periodic[axis] else place.clamp(0, extent[axis] - 1)
        return corner

    def _look(self, points: Tensor) -> Tensor:
        if len(points) <= MOST_POINTS:
            colour: Tensor = self.picture(points)
            return colour
        return torch.cat([checkpoint(self.picture, part, use_reentrant=False) for part in points.split(MOST_POINTS)])

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {"params": list(self.picture.grids.parameters()), "lr": self._learning_rate},
            {"params": list(self.picture.network.parameters()), "lr": self._learning_rate / 4},
        ]

    def state(self) -> dict[str, Tensor]:
        looks = torch.tensor([self._windows])
        return {"looks": looks, **{f"picture.{name}": value for name, value in self.picture.state_dict().items()}}

    def restore(self, state: dict[str, Tensor]) -> None:
        (self._windows,) = (int(number) for number in state["looks"])
        prefix = "picture."
        self.picture.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def lighten(self) -> str | None:
        if self._windows > 1:
            self._windows //= 2
            return "half as many of its windows are looked at in every step"
        return None


def cut_where_ordinary(image: Tensor, periodic: tuple[bool, bool]) -> Tensor:
    """Move a tile's origin, along its periodic axes (x, y), to where neighbouring pixels differ as much as on average.

    A periodic picture may be cut anywhere. A cut along a line of the pattern, mortar say, would show wherever tiles are
    filtered or compressed one by one; this one has nothing special about it.

    Args:
        image: [3, H, W], a whole tile.
    """
    for axis, dim in ((0, 2), (1, 1)):
        if periodic[axis]:
            others = [d for d in range(3) if d != dim]
            step = (image - image.roll(1, dim)).abs().mean(others)  # between pixel i and the one before it
            image = image.roll(-int((step - step.mean()).abs().argmin()), dim)
    return image
