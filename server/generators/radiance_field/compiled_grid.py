"""The hash encoding compiled for the CPU by numba: every level in one pass, forwards and backwards.

The same parameters and, up to rounding, the same numbers as `HashGrid`. One thread and a fixed order of additions: the
same points give the same bits. Importing this module imports numba, and compiles nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import int32, njit, uint32
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from server.generators.radiance_field.hash_grid import HASH_PRIMES, HashGrid, HashGridShape

_ONE, _HALF = np.float32(1), np.float32(0.5)
_PRIME_Y, _PRIME_Z = np.uint32(HASH_PRIMES[1]), np.uint32(HASH_PRIMES[2])
# Multiply and add in one rounding, but nothing that reorders sums or takes every number for finite.
_compiled: Any = njit(fastmath={"contract"}, error_model="numpy", nogil=True)

Floats = NDArray[np.float32]


class Kernels(NamedTuple):
    """Compiled functions, and where they are kept between runs.

    Attributes:
        encode: (points [N, 3], table [V, F], scales [L], layout [L, 4], encoded [N, L * F]); fills `encoded`.
        scatter: (points, gradient of `encoded`, scales, layout, gradient of the table); adds to the last.
        cache: folder of the compiled code, or None where none can be written and every process compiles anew.
    """

    encode: Callable[..., None]
    scatter: Callable[..., None]
    cache: str | None


@njit(inline="always")
def _cell(coordinate: Any, scale: Any) -> Any:
    """The cell of a coordinate in [0, 1] on a grid, and the place in it."""
    position = coordinate * scale + _HALF
    floor = np.floor(position)
    return uint32(int32(floor)), position - floor


@njit(inline="always")
def _corner(k: Any, x: Any, y: Any, z: Any, px: Any, py: Any, pz: Any, level: Any) -> Any:
    """Table row and trilinear weight of corner k of a cell; `level` is side, size, offset, hashed."""
    dx, dy, dz = uint32(k & 1), uint32(k >> 1 & 1), uint32(k >> 2)
    weight = (px if dx else _ONE - px) * (py if dy else _ONE - py) * (pz if dz else _ONE - pz)
    side, size = level[0], level[1]
    if level[3]:
        row = ((x + dx) ^ (y + dy) * _PRIME_Y ^ (z + dz) * _PRIME_Z) & (size - uint32(1))
    else:
        row = x + dx + (y + dy + (z + dz) * side) * side
        # Wraps as in `HashGrid`; being unsigned, no point whatever reads or writes outside the table.
        if row >= size:
            row %= size
    return level[2] + row, weight


@functools.cache
def load_kernels(features: int) -> Kernels:
    """The kernels for `features` numbers a vertex, compiled (a second or two) or read from the cache.

    numba keeps the cache beside this file, in the user's cache folder where that cannot be written, or wherever
    NUMBA_CACHE_DIR says.
    """

    # `features` is a constant of the compiled code: a loop of a length not known before takes three times as long.
    @_compiled
    def encode(points: Floats, table: Floats, scales: Floats, layout: NDArray[np.uint32], encoded: Floats) -> None:
        for index in range(len(scales)):
            scale, level, first = scales[index], layout[index], index * features
            for n in range(len(points)):
                x, px = _cell(points[n, 0], scale)
                y, py = _cell(points[n, 1], scale)
                z, pz = _cell(points[n, 2], scale)
                for feature in range(features):
                    encoded[n, first + feature] = 0
                for k in range(8):
                    row, weight = _corner(k, x, y, z, px, py, pz, level)
                    for feature in range(features):
                        encoded[n, first + feature] += weight * table[row, feature]

    @_compiled
    def scatter(points: Floats, gradient: Floats, scales: Floats, layout: NDArray[np.uint32], table: Floats) -> None:
        for index in range(len(scales)):
            scale, level, first = scales[index], layout[index], index * features
            for n in range(len(points)):
                x, px = _cell(points[n, 0], scale)
                y, py = _cell(points[n, 1], scale)
                z, pz = _cell(points[n, 2], scale)
                for k in range(8):
                    row, weight = _corner(k, x, y, z, px, py, pz, level)
                    for feature in range(features):
                        table[row, feature] += weight * gradient[n, first + feature]

    cache: str | None = None
    try:
        for function in (encode, scatter):
            function.enable_caching()
            cache = function.stats.cache_path
    except RuntimeError:  # numba found no folder that it may write into
        cache = None
    point, table = np.zeros((1, 3), np.float32), np.zeros((8, features), np.float32)
    level = np.ones(1, np.float32), np.array([[2, 8, 0, 0]], np.uint32)
    encode(point, table, *level, np.zeros((1, features), np.float32))
    scatter(point, np.zeros((1, features), np.float32), *level, table)
    return Kernels(encode, scatter, cache)


class CompiledHashGrid(HashGrid):
    """`HashGrid` run by the compiled kernels; for float32 on the CPU."""

    def __init__(self, shape: HashGridShape, generator: torch.Generator, spread: float = 1e-4) -> None:
        super().__init__(shape, generator, spread)
        self._kernels = load_kernels(shape.features)
        self._scales = np.array([level.scale for level in self.levels], np.float32)
        self._layout = np.array([(v.side, v.size, v.offset, v.hashed) for v in self.levels], np.uint32)

    def forward(self, points: Tensor) -> Tensor:
        encoded: Tensor = _Encode.apply(self.table, points, self)
        return encoded

    def encode(self, table: Tensor, points: Tensor) -> Tensor:
        """Points [N, 3] as [N, levels * features], without a graph."""
        encoded = torch.empty(len(points), self.shape.width)
        self._kernels.encode(points.numpy(), table.numpy(), self._scales, self._layout, encoded.numpy())
        return encoded

    def scatter(self, points: Tensor, gradient: Tensor) -> Tensor:
        """Gradient of the table [V, F] from that of the encoded points."""
        table = torch.zeros_like(self.table)
        self._kernels.scatter(points.numpy(), gradient.numpy(), self._scales, self._layout, table.numpy())
        return table


class _Encode(torch.autograd.Function):
    """The compiled encoding as an operation of autograd, differentiable in the table alone."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, points: Tensor, grid: CompiledHashGrid) -> Tensor:
        points = points.detach().contiguous()
        ctx.grid = grid
        ctx.save_for_backward(points)
        return grid.encode(table.detach(), points)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (points,) = ctx.saved_tensors
        return ctx.grid.scatter(points, gradient.contiguous()), None, None
