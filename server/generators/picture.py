"""A picture as a coordinate network: plane coordinates -> colour, periodic along the axes that must tile.

Fourier features (Tancik et al. 2020) of whole-number frequency are periodic by construction: no seam to hide.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from server.generators.subject import Exposure

# Points of a step at a time. More are looked at in parts that keep no graph and are made again on the way back, so that
# memory does not grow with the number of pixels.
MOST_POINTS = 2**20


class Picture(nn.Module):
    """Colour in (0, 1) at every point of a plane; one tile spans [0, extent_x] x [0, extent_y], in windows.

    A window is what the prior sees at once: one square image of its size.

    Args:
        extent: width and height of the tile, in windows.
        periodic: whether the picture repeats along x and along y.
        frequencies: number of Fourier features.
        spread: standard deviation of their frequencies, in cycles per window.
    """

    frequency: Tensor

    def __init__(
        self,
        extent: tuple[float, float],
        periodic: tuple[bool, bool],
        generator: torch.Generator,
        frequencies: int = 128,
        spread: float = 5.0,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.extent = extent
        self.periodic = periodic
        frequency = torch.randn(frequencies, 2, generator=generator) * spread
        for axis in range(2):
            if periodic[axis]:
                # Whole cycles per tile are what makes the two edges meet.
                frequency[:, axis] = (frequency[:, axis] * extent[axis]).round() / extent[axis]
        self.register_buffer("frequency", frequency)
        self.network = nn.Sequential(
            nn.Linear(2 * frequencies, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 3)
        )
        with torch.no_grad():
            for layer in self.network:
                if isinstance(layer, nn.Linear):
                    bound = math.sqrt(3 / layer.in_features)
                    layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
                    layer.bias.zero_()
            last = self.network[-1]
            assert isinstance(last, nn.Linear)
            last.weight.mul_(0.1)  # start near mid-grey

    def forward(self, points: Tensor) -> Tensor:
        """Colour [N, 3] at points [N, 2], in windows; x grows to the right, y downwards."""
        phase = points @ self.frequency.T * (2 * math.pi)
        return torch.sigmoid(self.network(torch.cat([phase.cos(), phase.sin()], -1)))

    @torch.no_grad()
    def paint(self, width: int, height: int, samples: int = 2) -> Tensor:
        """The whole tile as an image [3, height, width], averaging samples x samples points in every pixel."""
        columns = (torch.arange(width * samples, device=self.frequency.device) + 0.5) / (width * samples)
        rows = (torch.arange(height * samples, device=self.frequency.device) + 0.5) / (height * samples)
        strips = []
        for part in rows.split(max(1, 2**16 // (width * samples)) * samples):
            grid = torch.meshgrid(part * self.extent[1], columns * self.extent[0], indexing="ij")
            colour = self(torch.stack([grid[1], grid[0]], -1).view(-1, 2)).view(len(part), len(columns), 3)
            strips.append(nn.functional.avg_pool2d(colour.permute(2, 0, 1), samples))
        return torch.cat(strips, 1)


class PictureSubject:
    """A picture seen through windows at random places, each pixel averaged over jittered points inside it."""

    def __init__(self, picture: Picture, windows_per_step: int, size: int, samples: int = 2) -> None:
        self.picture = picture
        self._windows = windows_per_step
        self._size = size
        self._samples = samples

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        side = self._size * self._samples
        device = self.picture.frequency.device
        corner = torch.rand(self._windows, 2, generator=generator)
        for axis in range(2):
            # A tiling picture may be looked at across its edge; any other only inside.
            room = self.picture.extent[axis] if self.picture.periodic[axis] else self.picture.extent[axis] - 1
            corner[:, axis] *= room
        axis_points = torch.arange(side, dtype=torch.float32)
        rows, columns = torch.meshgrid(axis_points, axis_points, indexing="ij")
        inside = torch.stack([columns, rows], -1)[None]
        jitter = torch.rand(self._windows, side, side, 2, generator=generator)
        points = (corner[:, None, None] + (inside + jitter) / side).to(device)
        colour = self._look(points.view(-1, 2)).view(self._windows, side, side, 3).permute(0, 3, 1, 2)
        image = nn.functional.avg_pool2d(colour, self._samples)
        return Exposure(image, None, image.new_zeros(()))

    def _look(self, points: Tensor) -> Tensor:
        if len(points) <= MOST_POINTS:
            found: Tensor = self.picture(points)
            return found
        return torch.cat([checkpoint(self.picture, part, use_reentrant=False) for part in points.split(MOST_POINTS)])

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.picture.network.parameters()), "lr": 5e-3}]

    def state(self) -> dict[str, Tensor]:
        looks = torch.tensor([self._windows, self._samples])
        return {"looks": looks, **{f"picture.{name}": value for name, value in self.picture.state_dict().items()}}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._windows, self._samples = (int(number) for number in state["looks"])
        prefix = "picture."
        self.picture.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})

    def lighten(self) -> str | None:
        if self._windows > 1:
            self._windows //= 2
            return f"{self._windows} of its windows are looked at in every step"
        if self._samples > 1:
            self._samples //= 2
            return "fewer points are averaged for every pixel"
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


def seam_ratio(image: Tensor) -> float:
    """Mean absolute step across the edges of a tile over the mean step inside it; 1 is an invisible seam.

    Args:
        image: [3, H, W].
    """
    across = torch.cat([(image[:, 0] - image[:, -1]).flatten(), (image[:, :, 0] - image[:, :, -1]).flatten()])
    inside = torch.cat([image.diff(dim=1).flatten(), image.diff(dim=2).flatten()])
    return float(across.abs().mean() / inside.abs().mean().clamp(min=1e-8))
