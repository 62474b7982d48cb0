"""The radiance field: density and colour at every point of the unit ball.

Colour does not depend on the viewing direction: a mesh with one texture could not show it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from server.generators.radiance_field.hash_grid import HashGridShape, make_hash_grid

# Density starts as a soft blob in the middle, exp(BLOB_PEAK - BLOB_FALLOFF r^2), so that there is something to carve.
BLOB_PEAK = 3.0
BLOB_FALLOFF = 9.0
# exp(7) is opaque within a hundredth of the ball's radius; more only makes gradients vanish.
MAX_LOG_DENSITY = 7.0


class RadianceField(nn.Module):
    """Hash-grid features decoded by a small network into density and colour."""

    def __init__(self, shape: HashGridShape, generator: torch.Generator, device: str = "cpu", hidden: int = 32) -> None:
        super().__init__()
        self.grid = make_hash_grid(shape, generator, device, spread=1e-3)
        self.decoder = nn.Sequential(nn.Linear(shape.width, hidden), nn.ReLU(), nn.Linear(hidden, 4))
        with torch.no_grad():
            for layer in self.decoder:
                if not isinstance(layer, nn.Linear):
                    continue
                bound = layer.in_features**-0.5
                layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
                layer.bias.zero_()
        self.decoder.to(device)

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density [N] (per unit length, > 0; 0 outside the unit ball) and colour [N, 3] in (0, 1) at points [N, 3]."""
        raw = self.decoder(self.grid((points + 1) / 2))
        squared_radius = points.square().sum(-1)
        log_density = (raw[:, 0] + BLOB_PEAK - BLOB_FALLOFF * squared_radius).clamp(max=MAX_LOG_DENSITY)
        density = torch.where(squared_radius <= 1.0, log_density.exp(), torch.zeros_like(log_density))
        return density, torch.sigmoid(raw[:, 1:])

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
