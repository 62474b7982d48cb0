"""The hash grid speaks tiny-cuda-nn's layout, by the book and point by point; its backends are one another's twins."""

import hashlib
import itertools
import math
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from server.generators.radiance_field.compiled_grid import CompiledHashGrid
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import (
    FusedHashGrid,
    HashGrid,
    HashGridShape,
    choose_backend,
    make_hash_grid,
)
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.rendering import render
from server.generators.radiance_field.shading import Lamps
from server.world.views import Views
from tests.closeness import assert_close_to_rounding

ROOT = Path(__file__).parent.parent.parent
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


BOTH = pytest.mark.parametrize("kind", [HashGrid, CompiledHashGrid])


def grid_of(kind: type[HashGrid], shape: HashGridShape = SMALL) -> HashGrid:
    return kind(shape, torch.Generator().manual_seed(0), spread=1.0)


def some_points(count: int, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))


@BOTH
def test_values_follow_the_published_indexing_on_dense_and_hashed_levels(kind: type[HashGrid]) -> None:
    grid = grid_of(kind)
    assert any(level.hashed for level in grid.levels)
    assert not all(level.hashed for level in grid.levels)
    points = some_points(40)
    points[0], points[1] = 0.0, 1.0
    expected = np.stack([by_the_book(grid, point) for point in points.numpy()])
    np.testing.assert_allclose(grid(points).detach().numpy(), expected, atol=1e-5)


@BOTH
def test_gradients_reach_the_table_with_the_interpolation_weights(kind: type[HashGrid]) -> None:
    grid = grid_of(kind)
    grid(some_points(16)).sum().backward()
    # Each level's eight weights sum to one for every point and feature.
    assert grid.table.grad is not None
    assert_close_to_rounding(grid.table.grad.sum(), torch.tensor(16.0 * SMALL.width))


@BOTH
def test_the_encoding_is_continuous_across_cell_borders(kind: type[HashGrid]) -> None:
    grid = grid_of(kind)
    border = (1.5 - 0.5) / grid.levels[0].scale
    near = torch.tensor([[border - 1e-6, 0.3, 0.7], [border + 1e-6, 0.3, 0.7]])
    below, above = grid(near)
    torch.testing.assert_close(below, above, atol=1e-3, rtol=0)


@pytest.mark.parametrize("features", [1, 2, 4])
def test_the_compiled_grid_is_the_plain_one_in_values_and_gradients(features: int) -> None:
    shape = HashGridShape(levels=5, features=features, log2_table=9, coarsest=4, finest=40)
    plain, compiled = grid_of(HashGrid, shape), grid_of(CompiledHashGrid, shape)
    points = some_points(500)
    points[0], points[1] = 0.0, 1.0
    pull = torch.randn(500, shape.width, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(compiled(points), plain(points), atol=2e-5, rtol=0)
    for _ in range(2):  # a second backward pass adds to the first
        plain(points).backward(pull)
        compiled(points).backward(pull)
    torch.testing.assert_close(compiled.table.grad, plain.table.grad, atol=1e-4, rtol=0)


def test_the_compiled_grid_takes_no_points_and_points_in_any_memory_order() -> None:
    compiled = grid_of(CompiledHashGrid)
    empty = compiled(torch.empty(0, 3))
    assert empty.shape == (0, SMALL.width)
    empty.sum().backward()
    assert compiled.table.grad is not None
    assert not compiled.table.grad.any()
    points = some_points(20)
    torch.testing.assert_close(compiled(points.T.contiguous().T), compiled(points), atol=0, rtol=0)


def test_points_that_are_nowhere_read_and_write_inside_the_table() -> None:
    compiled = grid_of(CompiledHashGrid)
    nowhere = torch.tensor([[float("nan")] * 3, [float("inf")] * 3, [-5.0, 1e30, 2.0], [1e9, -1e9, 0.5]])
    compiled(nowhere).sum().backward()
    assert compiled(some_points(4)).isfinite().all()


TRAINING = """
import hashlib, torch
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.subject import RadianceSubject
from server.world.camera_law import CameraLaw
torch.set_num_threads(1)
subject = RadianceSubject(CameraLaw(), 1, 24, torch.Generator().manual_seed(4), plan=FieldPlan(samples=16))
optimiser = torch.optim.Adam(subject.parameter_groups())
for step in range(4):
    exposure = subject.expose(step, 0.5, torch.Generator().manual_seed(step))
    optimiser.zero_grad()
    ((exposure.image - 0.3).square().mean() + exposure.penalty).backward()
    optimiser.step()
digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in subject.field.parameters())).hexdigest()
"""


def test_training_gives_the_same_bits_in_another_process() -> None:
    assert choose_backend("cpu").name == "numba"
    threads = torch.get_num_threads()
    here: dict[str, Any] = {"hashlib": hashlib}
    exec(TRAINING, here)
    torch.set_num_threads(threads)
    script = TRAINING + "print(digest)"
    elsewhere = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    assert elsewhere.stdout.strip() == here["digest"]


def test_compiled_code_is_kept_in_the_folder_that_the_reason_names(tmp_path: Path) -> None:
    script = "from server.generators.radiance_field.hash_grid import choose_backend; print(choose_backend('cpu').why)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    told = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, encoding="utf-8"
    ).stdout
    assert str(tmp_path) in told
    assert list(tmp_path.rglob("*.nbc"))


def test_the_same_seed_gives_the_same_table_with_every_backend() -> None:
    first, second = grid_of(HashGrid), grid_of(CompiledHashGrid)
    torch.testing.assert_close(first.table, second.table, atol=0, rtol=0)


def test_a_missing_numba_is_named_and_the_plain_grid_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "server.generators.radiance_field.compiled_grid")
    backend = choose_backend("cpu")
    assert backend.name == "torch"
    assert "numba" in backend.why
    assert type(make_hash_grid(SMALL, torch.Generator(), "cpu")) is HashGrid


def test_a_missing_tiny_cuda_nn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinycudann", None)
    backend = choose_backend("cuda:0")
    assert backend.name == "torch"
    assert "tiny-cuda-nn" in backend.why


def test_a_tiny_cuda_nn_that_was_made_for_another_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unimportable(name: str) -> Any:
        raise NameError("name '_C' is not defined")

    monkeypatch.setattr("importlib.import_module", unimportable)
    backend = choose_backend("cuda:0")
    assert (backend.name, "_C" in backend.why) == ("torch", True)


class _Garbage(torch.autograd.Function):
    """The identity, whose gradient is what happened to lie in memory."""

    @staticmethod
    def forward(ctx: Any, params: Tensor) -> Tensor:
        return params.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return torch.full_like(gradient, 1e30)


class FlatEncoding(nn.Module):
    """As tiny-cuda-nn's: it takes its parameters as one flat vector and points in batches of a multiple of 128, which
    it fills up itself; for no points it gives no gradient but whatever lies in memory."""

    def __init__(self, inputs: int, config: dict[str, Any], dtype: torch.dtype) -> None:
        super().__init__()
        plain = grid_of(HashGrid)
        self.params = nn.Parameter(torch.zeros(plain.table.numel()))
        self._plain = (plain,)

    def forward(self, points: Tensor) -> Tensor:
        params = self.params if len(points) else _Garbage.apply(self.params)
        table = params.view_as(self._plain[0].table)
        padded = nn.functional.pad(points, [0, 0, 0, -len(points) % 128])
        encoded: Tensor = torch.func.functional_call(self._plain[0], {"table": table}, (padded,))
        return encoded[: len(points)] + 0 * params.sum()


def test_a_checkpoint_of_any_backend_serves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tinycudann", types.SimpleNamespace(Encoding=FlatEncoding))
    grids = {
        name: make_hash_grid(SMALL, torch.Generator(), "cpu", 1.0, name) for name in ("torch", "numba", "tinycudann")
    }
    kept = grid_of(HashGrid).state_dict()
    points = some_points(30)
    for name, grid in grids.items():
        assert {key: value.shape for key, value in grid.state_dict().items()} == {"table": kept["table"].shape}, name
        grid.load_state_dict(kept)
        torch.testing.assert_close(grid(points), grid_of(HashGrid)(points), atol=2e-5, rtol=0)
        grid(points).sum().backward()
        assert [parameter.grad is not None for parameter in grid.parameters()] == [True], name


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> FusedHashGrid:
    monkeypatch.setitem(sys.modules, "tinycudann", types.SimpleNamespace(Encoding=FlatEncoding))
    return FusedHashGrid(SMALL, torch.Generator().manual_seed(0), 1.0)


def test_no_points_leave_no_junk_in_the_gradient_of_the_fused_grid(fused: FusedHashGrid) -> None:
    points = some_points(30)
    fused(points).sum().backward()
    assert fused.table.grad is not None
    alone = fused.table.grad.clone()
    fused.table.grad = None
    empty = fused(torch.empty(0, 3))
    assert (empty.shape, empty.dtype) == ((0, SMALL.width), torch.float32)
    (fused(points).sum() + empty.sum()).backward()
    torch.testing.assert_close(fused.table.grad, alone, atol=0, rtol=0)
    with torch.no_grad():
        assert fused(torch.empty(0, 3)).shape == (0, SMALL.width)


@pytest.mark.parametrize("side", [8, 32])
@pytest.mark.parametrize("lit", [False, True])
def test_a_field_of_the_fused_grid_is_rendered_with_the_gradient_of_the_plain_one(
    fused: FusedHashGrid, side: int, lit: bool
) -> None:
    """Many batches of a rendering are empty: of rays that end early, and of views without a lamp."""
    shape, gradients = SMALL, []
    for grid in (grid_of(HashGrid), fused):
        field = RadianceField(shape, torch.Generator().manual_seed(0))
        field.grid = grid
        with torch.no_grad():
            field.decoder[2].bias[0] = 20.0  # opaque: nothing is left to see behind the first samples
        views = Views.orbit([0.0, 90.0])
        ones = torch.ones(2)
        lamps = Lamps(torch.full((2, 3), 2.0), ones * lit, 0 * ones)
        rendering = render(field, OccupancyGrid(), views, side, 24, torch.Generator().manual_seed(1), lamps)
        (rendering.image.sum() + rendering.orientation).backward()
        assert field.grid.table.grad is not None
        gradients.append(field.grid.table.grad)
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-4)


@pytest.mark.gpu
def test_the_fused_kernel_gives_the_same_values_and_gradients(accelerator: str) -> None:
    backend = choose_backend(accelerator)
    if backend.name != "tinycudann":
        pytest.skip(backend.why)
    plain = HashGrid(SMALL, torch.Generator().manual_seed(0), spread=1.0).to(accelerator)
    fused = FusedHashGrid(SMALL, torch.Generator().manual_seed(0), spread=1.0).to(accelerator)
    points = torch.rand(4096, 3, device=accelerator)
    torch.testing.assert_close(fused(points), plain(points), atol=1e-4, rtol=1e-4)
    plain(points).square().sum().backward()
    fused(points).square().sum().backward()
    torch.testing.assert_close(fused.table.grad, plain.table.grad, atol=1e-2, rtol=1e-3)
