"""The radiance field: density and colour at every point of the unit ball.

Colour does not depend on the viewing direction: a mesh with one texture could not show it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from server.generators.radiance_field.hash_grid import HashGridShape, grid_levels, make_hash_grid

# exp(7) is opaque within a hundredth of the ball's radius; more only makes gradients vanish.
MAX_LOG_DENSITY = 7.0


@dataclass(frozen=True)
class Blob:
    """The density to begin with, exp(peak - falloff r^2): there has to be something to carve."""

    peak: float = 3.0
    falloff: float = 9.0


class RadianceField(nn.Module):
    """Hash-grid features decoded by a small network into density and colour."""

    def __init__(
        self,
        shape: HashGridShape,
        generator: torch.Generator,
        device: str = "cpu",
        hidden: int = 32,
        blob: Blob = Blob(),
    ) -> None:
        super().__init__()
        self.blob = blob
        # The implementations share `shape` and `table`, but not a class.
        self.grid: Any = make_hash_grid(shape, generator, device, spread=1e-3)
        self.decoder = nn.Sequential(nn.Linear(shape.width, hidden), nn.ReLU(), nn.Linear(hidden, 4))
        with torch.no_grad():
            for layer in self.decoder:
                if not isinstance(layer, nn.Linear):
                    continue
                bound = layer.in_features**-0.5
                layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
                layer.bias.zero_()
        self.decoder.to(device)
        # [width] between 0 and 1, or None where every level is seen.
        self._band: Tensor | None = None
        # [3, 4] from colours (red, green, blue, 1) to those that are shown; None shows them as they are learned.
        self.tone: Tensor | None = None

    def show_levels(self, levels: float) -> None:
        """See only the first `levels` levels of the grid from now on, the last of them in part."""
        shape = self.grid.shape
        shown = (levels - torch.arange(shape.levels)).clamp(0, 1)
        device = next(self.decoder.parameters()).device
        self._band = None if levels >= shape.levels else shown.repeat_interleave(shape.features).to(device)

    @torch.no_grad()
    def settle(self) -> None:
        """Write what is seen of each level into the grid itself; the field stays as it is, and all levels are seen."""
        if self._band is None:
            return
        share = self._band.view(self.grid.shape.levels, -1)[:, 0]
        for level, shown in zip(grid_levels(self.grid.shape), share, strict=True):
            self.grid.table[level.offset : level.offset + level.size] *= shown
        self._band = None

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [N] (per unit length, > 0; 0 outside the unit ball) and colour [N, 3] in [0, 1] at points [N, 3]."""
        encoded = self.grid((points + 1) / 2)
        raw = self.decoder(encoded if self._band is None else encoded * self._band)
        squared_radius = points.square().sum(-1)
        log_density = (raw[:, 0] + self.blob.peak - self.blob.falloff * squared_radius).clamp(max=MAX_LOG_DENSITY)
        density = torch.where(squared_radius <= 1.0, log_density.exp(), torch.zeros_like(log_density))
        colour = torch.sigmoid(raw[:, 1:])
        if self.tone is not None:
            colour = (colour @ self.tone[:, :3].T + self.tone[:, 3]).clamp(0, 1)
        return density, colour

    @torch.no_grad()
    def density(self, points: Tensor) -> Tensor:
        """Density [N] without a graph."""
        density: Tensor = self(points)[0]
        return density

    @torch.no_grad()
    def colour(self, points: Tensor) -> Tensor:
        """Colour [N, 3] without a graph."""
        colour: Tensor = self(points)[1]
        return colour
