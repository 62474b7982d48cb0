"""A coarse grid of where the field is empty, so that rays need not ask (Mueller et al. 2022, appendix C)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# A cell is worth sampling above this density: thinner matter absorbs less than 1 % across a cell.
OCCUPIED_DENSITY = 0.3
DECAY = 0.8


class OccupancyGrid:
    """Decaying maximum of the density in each cell of a grid over [-1, 1]^3.

    Attributes:
        cells: bool [side, side, side], True where rays must sample. All True until the first refresh.
    """

    def __init__(self, side: int = 32, device: str = "cpu") -> None:
        self.side = side
        self.cells = torch.ones(side, side, side, dtype=torch.bool, device=device)
        self._density: Tensor | None = None

    def occupied(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Whether each point of [-1, 1]^3 lies in an occupied cell: bool, of the shape that its coordinates have."""
        half = self.side / 2
        # In float, where whole numbers this small are exact: integer tensors are several times slower on a CPU.
        i, j, k = (torch.add(half, axis, alpha=half).clamp_(0, self.side - 1).floor_() for axis in (x, y, z))
        flat = torch.add(torch.add(k, j, alpha=self.side), i, alpha=self.side**2).int()
        return self.cells.view(-1).index_select(0, flat.view(-1)).view(x.shape)

    @torch.no_grad()
    def refresh(self, density: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
        """Look at one jittered point of every cell; the first look replaces what was assumed, later ones decay it."""
        side, device = self.side, self.cells.device
        axis = torch.arange(side, device=device, dtype=torch.float32)
        corner = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
        jitter = torch.rand(corner.shape, generator=generator).to(device)
        seen = density((corner + jitter) * (2 / side) - 1)
        self._take(seen if self._density is None else torch.maximum(self._density * DECAY, seen))

    def state(self) -> dict[str, Tensor]:
        """{"occupancy": the decaying maximum, [side^3]}; nothing before the first refresh."""
        return {} if self._density is None else {"occupancy": self._density}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Be as `state` says."""
        if "occupancy" in state:
            self._take(state["occupancy"].to(self.cells.device))
        else:
            self._density = None
            self.cells = torch.ones_like(self.cells)

    def _take(self, density: Tensor) -> None:
        self._density = density
        grown = (density > OCCUPIED_DENSITY).view(1, 1, self.side, self.side, self.side).float()
        # One look per cell misses thin parts at cell borders; growing by one cell keeps their neighbourhood alive.
        self.cells = torch.nn.functional.max_pool3d(grown, 3, stride=1, padding=1)[0, 0] > 0

    @property
    def share(self) -> float:
        """Share of occupied cells, in [0, 1]."""
        return float(self.cells.float().mean())
