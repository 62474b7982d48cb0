"""Multiresolution hash encoding (Mueller et al. 2022, "Instant Neural Graphics Primitives", section 3).

Three implementations with the same parameters and the same numbers: `HashGrid`, plain torch on any device; kernels that
numba compiles for the CPU (compiled_grid.py); and the fused kernel of tiny-cuda-nn, used when it can be imported on a
CUDA device. All index one table, level after level.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from server.accelerators import brand_of

# Large primes of the spatial hash (Mueller et al. 2022, Eq. 4); the first coordinate is left as it is.
HASH_PRIMES = (1, 2654435761, 805459861)
_SIGNED_PRIMES = tuple(prime - 2**32 if prime >= 2**31 else prime for prime in HASH_PRIMES)


@dataclass(frozen=True)
class HashGridShape:
    """Sizes of the encoding.

    Attributes:
        levels: number of grids.
        features: numbers stored per vertex.
        log2_table: a level stores at most 2**log2_table vertices; finer grids share them by hashing.
        coarsest, finest: cells per side of the first and the last level.
    """

    levels: int = 6
    features: int = 2
    log2_table: int = 15
    coarsest: int = 8
    finest: int = 64

    @property
    def growth(self) -> float:
        """Ratio of the resolutions of neighbouring levels."""
        return (self.finest / self.coarsest) ** (1 / (self.levels - 1)) if self.levels > 1 else 1.0

    @property
    def width(self) -> int:
        """Length of an encoded point."""
        return self.levels * self.features


@dataclass(frozen=True)
class _Level:
    scale: float  # grid units per unit of the domain
    side: int  # vertices per side
    size: int  # vertices stored
    offset: int  # first vertex of this level in the table
    hashed: bool


def grid_levels(shape: HashGridShape) -> list[_Level]:
    """Where each level lies in the table, coarsest first."""
    levels, offset = [], 0
    for index in range(shape.levels):
        scale = shape.coarsest * math.exp2(index * math.log2(shape.growth)) - 1.0
        side = math.ceil(scale) + 1
        # Level sizes are padded to a multiple of 8, as the fused kernel aligns them.
        size = min(-(-(side**3) // 8) * 8, 2**shape.log2_table)
        levels.append(_Level(scale, side, size, offset, hashed=side**3 > size))
        offset += size
    return levels


class HashGrid(nn.Module):
    """The encoding in plain torch; runs, and gives the same values, on any device."""

    def __init__(self, shape: HashGridShape, generator: torch.Generator, spread: float = 1e-4) -> None:
        super().__init__()
        self.shape = shape
        self.levels = grid_levels(shape)
        vertices = self.levels[-1].offset + self.levels[-1].size
        start = (torch.rand(vertices, shape.features, generator=generator) * 2 - 1) * spread
        self.table = nn.Parameter(start)

    def forward(self, points: Tensor) -> Tensor:
        """Encode points [N, 3] of the unit cube [0, 1]^3 as [N, levels * features]; differentiable in the table."""
        encoded = []
        for level in self.levels:
            rows, weights = _corners(points, level)
            encoded.append(_WeightedRows.apply(self.table, rows, weights))
        return torch.cat(encoded, 1)


def _corners(points: Tensor, level: _Level) -> tuple[Tensor, Tensor]:
    """Table rows int32 [N, 8] of the cell corners around each point, and their trilinear weights [N, 8]."""
    position = points * level.scale + 0.5
    cell = position.floor()
    x, y, z = cell.int().unbind(1)
    if level.hashed:
        # 32-bit products wrap around, signed or not, to the same bits; the table's size is a power of two.
        lower_y, lower_z = y * _SIGNED_PRIMES[1], z * _SIGNED_PRIMES[2]
        upper_y, upper_z = lower_y + _SIGNED_PRIMES[1], lower_z + _SIGNED_PRIMES[2]
        face = torch.stack([lower_y ^ lower_z, lower_y ^ upper_z, upper_y ^ lower_z, upper_y ^ upper_z], 1)
        rows = torch.cat([face ^ x[:, None], face ^ (x + 1)[:, None]], 1) & (level.size - 1)
    else:
        side = level.side
        first = x + y * side + z * (side * side)
        steps = [dx + dy * side + dz * side * side for dx in (0, 1) for dy in (0, 1) for dz in (0, 1)]
        # The half-cell shift lets dense rows run past the last vertex: they wrap, as in the fused kernel.
        rows = (first[:, None] + torch.tensor(steps, dtype=torch.int32, device=points.device)) % level.size
    upper = position - cell
    (lx, ly, lz), (ux, uy, uz) = (1 - upper).unbind(1), upper.unbind(1)
    face_weights = torch.stack([ly * lz, ly * uz, uy * lz, uy * uz], 1)
    weights = torch.cat([face_weights * lx[:, None], face_weights * ux[:, None]], 1)
    return rows + level.offset, weights


class _WeightedRows(torch.autograd.Function):
    """sum_k weights[n, k] * table[rows[n, k]], differentiable in the table alone.

    On a CPU this is three times as fast as leaving it to autograd: one-dimensional scatter_add is the fastest
    accumulation there, and nothing is kept but rows and weights.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.table_shape = table.shape
        gathered = table.index_select(0, rows.view(-1)).view(*rows.shape, table.shape[1])
        return torch.bmm(weights[:, None], gathered)[:, 0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, weights = ctx.saved_tensors
        where = rows.view(-1).long()
        columns = [
            gradient.new_zeros(ctx.table_shape[0]).scatter_add_(
                0, where, (weights * gradient[:, feature, None]).view(-1)
            )
            for feature in range(ctx.table_shape[1])
        ]
        return torch.stack(columns, 1), None, None


class FusedHashGrid(nn.Module):
    """The same encoding by tiny-cuda-nn's kernel, for CUDA. It reads the same `table` as `HashGrid`."""

    def __init__(self, shape: HashGridShape, generator: torch.Generator, spread: float = 1e-4) -> None:
        super().__init__()
        tinycudann = importlib.import_module("tinycudann")
        self.shape = shape
        self.table = nn.Parameter(HashGrid(shape, generator, spread).table.detach().clone())
        encoding = tinycudann.Encoding(
            3,
            {
                "otype": "HashGrid",
                "n_levels": shape.levels,
                "n_features_per_level": shape.features,
                "log2_hashmap_size": shape.log2_table,
                "base_resolution": shape.coarsest,
                "per_level_scale": shape.growth,
            },
            dtype=torch.float32,
        )
        # In a tuple, so that its own parameters are not taken for ours: checkpoints are the same for every backend.
        self._encoding = (encoding,)

    def forward(self, points: Tensor) -> Tensor:
        """See `HashGrid.forward`. No points are not handed on: the kernel leaves the gradient of its parameters as it
        finds it in memory then."""
        if not len(points):
            return self.table.view(-1)[:0].view(0, self.shape.width)
        encoded: Tensor = torch.func.functional_call(self._encoding[0], {"params": self.table.flatten()}, (points,))
        return encoded.to(self.table.dtype)


@dataclass(frozen=True)
class Backend:
    """What computes the encoding: "tinycudann", "numba" or "torch", and in one sentence why."""

    name: str
    why: str


def choose_backend(device: str) -> Backend:
    """The fastest backend that runs on `device` ("cpu", "cuda:1"). On a CPU this compiles it, once a machine."""
    brand = brand_of(device)
    if brand not in ("processor", "NVIDIA"):
        return Backend("torch", f"plain torch hash grid: tiny-cuda-nn does not run on {brand}'s cards")
    if brand == "NVIDIA":
        try:
            importlib.import_module("tinycudann")
        except Exception as error:  # It looks for a GPU and its kernels, and has many ways of not finding them.
            return Backend("torch", f"plain torch hash grid: tiny-cuda-nn cannot be imported ({error})")
        return Backend("tinycudann", "tiny-cuda-nn hash grid")
    try:
        kernels = _compiled_grid().load_kernels(HashGridShape.features)
    except Exception as error:  # A compiler has many ways not to work; all of them leave the plain grid, and a reason.
        return Backend("torch", f"plain torch hash grid, several times slower: numba does not work here ({error})")
    if kernels.cache is None:
        return Backend("numba", "hash grid compiled by numba, anew in every process: no cache folder can be written")
    return Backend("numba", f"hash grid compiled by numba, kept in {kernels.cache}")


def make_hash_grid(
    shape: HashGridShape, generator: torch.Generator, device: str, spread: float = 1e-4, backend: str | None = None
) -> nn.Module:
    """The encoding by `backend`, or by the fastest that runs on `device`. All have one parameter, `table` [V, F]."""
    backend = backend or choose_backend(device).name
    makers = {"torch": HashGrid, "tinycudann": FusedHashGrid}
    make = makers[backend] if backend in makers else _compiled_grid().CompiledHashGrid
    grid: nn.Module = make(shape, generator, spread)
    return grid.to(device)


def _compiled_grid() -> Any:
    """The module that needs numba; imported here, so that its absence is a reason and not an accident."""
    return importlib.import_module("server.generators.radiance_field.compiled_grid")
