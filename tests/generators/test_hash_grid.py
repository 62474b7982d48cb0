"""The torch hash grid speaks tiny-cuda-nn's layout: each test rebuilds a piece of it by the book, point by point."""

import itertools
import math

import numpy as np
import pytest
import torch

from server.generators.radiance_field.hash_grid import HashGrid, HashGridShape, fused_kernel_state, make_hash_grid

SMALL = HashGridShape(levels=4, features=2, log2_table=9, coarsest=4, finest=32)


def by_the_book(grid: HashGrid, point: np.ndarray) -> np.ndarray:
    """One point through the published indexing rules, in scalar 32-bit arithmetic."""
    shape, table = grid.shape, grid.table.detach().numpy()
    encoded, offset = [], 0
    growth = (shape.finest / shape.coarsest) ** (1 / (shape.levels - 1))
    for level in range(shape.levels):
        scale = np.float32(2.0 ** (level * math.log2(growth)) * shape.coarsest - 1.0)
        side = math.ceil(scale) + 1
        size = min((side**3 + 7) // 8 * 8, 2**shape.log2_table)
        position = point.astype(np.float32) * scale + np.float32(0.5)
        cell = np.floor(position)
        fraction = position - cell
        total = np.zeros(shape.features)
        for corner in itertools.product((0, 1), repeat=3):
            where = [int(c) + d for c, d in zip(cell, corner, strict=True)]
            if side**3 <= size:
                index = where[0] + where[1] * side + where[2] * side * side
            else:
                index = 0
                for value, prime in zip(where, (1, 2654435761, 805459861), strict=True):
                    index ^= (value * prime) % 2**32
            weight = np.prod([f if d else 1 - f for f, d in zip(fraction, corner, strict=True)])
            total += weight * table[offset + index % size]
        encoded.append(total)
        offset += size
    return np.concatenate(encoded)


@pytest.fixture
def grid() -> HashGrid:
    return HashGrid(SMALL, torch.Generator().manual_seed(0), spread=1.0)


def test_values_follow_the_published_indexing_on_dense_and_hashed_levels(grid: HashGrid) -> None:
    assert any(level.hashed for level in grid.levels)
    assert not all(level.hashed for level in grid.levels)
    points = torch.rand(40, 3, generator=torch.Generator().manual_seed(1))
    points[0], points[1] = 0.0, 1.0
    expected = np.stack([by_the_book(grid, point) for point in points.numpy()])
    np.testing.assert_allclose(grid(points).detach().numpy(), expected, atol=1e-5)


def test_gradients_reach_the_table_with_the_interpolation_weights(grid: HashGrid) -> None:
    points = torch.rand(16, 3, generator=torch.Generator().manual_seed(2))
    grid(points).sum().backward()
    # Each level's eight weights sum to one for every point and feature.
    assert grid.table.grad is not None
    torch.testing.assert_close(grid.table.grad.sum(), torch.tensor(16.0 * SMALL.width))


def test_the_encoding_is_continuous_across_cell_borders(grid: HashGrid) -> None:
    border = (1.5 - 0.5) / grid.levels[0].scale
    near = torch.tensor([[border - 1e-6, 0.3, 0.7], [border + 1e-6, 0.3, 0.7]])
    below, above = grid(near)
    torch.testing.assert_close(below, above, atol=1e-3, rtol=0)


def test_the_same_seed_gives_the_same_table() -> None:
    first, second = (HashGrid(SMALL, torch.Generator().manual_seed(5)) for _ in range(2))
    torch.testing.assert_close(first.table, second.table, atol=0, rtol=0)


def test_without_cuda_the_plain_grid_runs_and_the_reason_is_given() -> None:
    fused, why = fused_kernel_state("cpu")
    assert not fused
    assert "CUDA" in why
    assert isinstance(make_hash_grid(SMALL, torch.Generator(), "cpu"), HashGrid)


@pytest.mark.gpu
@pytest.mark.skipif(
    not fused_kernel_state("cuda")[0] or not torch.cuda.is_available(), reason="needs tiny-cuda-nn on CUDA"
)
def test_the_fused_kernel_gives_the_same_values_and_gradients() -> None:
    from server.generators.radiance_field.hash_grid import FusedHashGrid

    plain = HashGrid(SMALL, torch.Generator().manual_seed(0), spread=1.0).cuda()
    fused = FusedHashGrid(SMALL, torch.Generator().manual_seed(0), spread=1.0).cuda()
    points = torch.rand(4096, 3, device="cuda")
    torch.testing.assert_close(fused(points), plain(points), atol=1e-4, rtol=1e-4)
    plain(points).square().sum().backward()
    fused(points).square().sum().backward()
    torch.testing.assert_close(fused.encoding.params.grad, plain.table.grad.flatten(), atol=1e-2, rtol=1e-3)
