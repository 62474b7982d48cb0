"""docs/mean_shift_in_one_page.py: short, free of this project, and true."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "mean_shift_in_one_page.py"
PICTURE = ROOT / "docs" / "pictures" / "one_page.png"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_page", PAGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the page prints after next to no training, and its picture; run from elsewhere, by nothing but itself."""
    folder = tmp_path_factory.mktemp("one_page")
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(PAGE), "20", "picture.png"]
    done = subprocess.run(command, cwd=folder, env=alone, check=True, capture_output=True, encoding="utf-8")
    return done.stdout, folder / "picture.png"


def start() -> torch.Tensor:
    side = torch.linspace(-1.1, 1.1, 20)
    return torch.cartesian_prod(side, side)


def test_it_is_one_page() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) < 200


def test_it_needs_torch_and_matplotlib_only() -> None:
    roots = set()
    for node in ast.walk(ast.parse(PAGE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add(str(node.module).split(".")[0])
    assert roots - set(sys.stdlib_module_names) == {"torch", "matplotlib"}


def test_it_draws_four_panels(printed: tuple[str, Path]) -> None:
    with Image.open(printed[1]) as picture:
        assert picture.width > 3 * picture.height
        assert len(set(picture.convert("RGB").get_flattened_data())) > 100


def test_the_picture_in_the_docs_is_the_page_s_and_light() -> None:
    assert PICTURE.stat().st_size < 300_000
    with Image.open(PICTURE) as picture:
        assert picture.width > 3 * picture.height


def test_it_prints_a_row_for_every_method(printed: tuple[str, Path]) -> None:
    for name in ("samples of p", "start", "DDIM", "SDS, low noise", "mean shift, one call", "mean shift, paper"):
        assert any(line.startswith(name) for line in printed[0].splitlines()), name


def test_with_the_true_denoiser_printed_mean_shift_is_likelier_than_samples_and_sds_is_not(
    printed: tuple[str, Path],
) -> None:
    ideal = {line[:20].strip(): float(line.split()[-3]) for line in printed[0].splitlines()[-8:]}
    assert ideal["mean shift, one call"] < ideal["samples of p"] < ideal["SDS"] < ideal["start"]
    assert ideal["mean shift, paper"] < ideal["samples of p"]


def test_its_density_has_total_one_and_is_what_it_samples(page: ModuleType) -> None:
    p, side = page.tree(), torch.linspace(-2, 2, 201)
    total = p.log_density(torch.cartesian_prod(side, side), 0.1).exp().sum() * (side[1] - side[0]) ** 2
    torch.testing.assert_close(total, torch.tensor(1.0), atol=1e-3, rtol=0)
    torch.manual_seed(0)
    near = ((p.sample(100_000) - torch.tensor([0.0, -0.7])).norm(dim=1) < 0.1).float().mean()
    inside = torch.cartesian_prod(torch.linspace(-0.1, 0.1, 201), torch.linspace(-0.1, 0.1, 201))
    inside = inside[inside.norm(dim=1) < 0.1] + torch.tensor([0.0, -0.7])
    torch.testing.assert_close(near, p.log_density(inside).exp().sum() * 0.001**2, atol=0.005, rtol=0)


@pytest.mark.parametrize("bandwidth", [0.1, 0.2, 1.0])
def test_one_call_is_the_kernel_s_mean_of_the_clean_points(page: ModuleType, bandwidth: float) -> None:
    torch.manual_seed(0)
    p = page.tree()
    y, x = p.sample(300_000), p.sample(20) + bandwidth * torch.randn(20, 2)
    weights = (-torch.cdist(x, y).square() / (2 * bandwidth**2)).softmax(1)
    found = page.one_call(p.denoise, x, bandwidth)
    torch.testing.assert_close(found, weights @ y, atol=0.05 * bandwidth, rtol=0)


def test_levels_of_their_own_for_every_point_are_those_of_one_for_all(page: ModuleType) -> None:
    p, z, network = page.tree(), start(), page.Network()
    for denoiser in (p.denoise, network):
        torch.testing.assert_close(denoiser(z, 0.3), denoiser(z, torch.full((400, 1), 0.3)))


def test_the_paper_s_sampler_answers_a_gaussian_as_its_equations_do(page: ModuleType) -> None:
    """For p = N(0, s^2 I) the composite ODE ends at E[y] / x = sqrt(pi a) erfcx(sqrt a), a = s^2 / (2 lambda^2)."""
    std, bandwidth = 0.5, 0.5
    gaussian = page.Mixture(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None], torch.full((1, 2), std))
    levels = page.falling(6 * bandwidth, 1e-3 * bandwidth, 2000)
    x = torch.tensor([[1.0, -2.0]])
    found = page.ddim(gaussian.denoise, x + levels[0], levels, x, bandwidth)
    a = torch.tensor(std**2 / (2 * bandwidth**2))
    torch.testing.assert_close(
        found / x, (torch.pi * a).sqrt() * torch.special.erfcx(a.sqrt()).expand(1, 2), atol=5e-3, rtol=0
    )


def test_mean_shift_ends_nearer_to_the_modes_than_it_started(page: ModuleType) -> None:
    torch.manual_seed(0)
    p = page.tree()
    network = page.train(p, 200)
    for denoiser in (network, p.denoise):
        path = page.distil(page.one_call, denoiser, start())
        assert path.shape == (151, 400, 2)
        assert p.log_density(path[-1]).mean() > p.log_density(path[0]).mean() + 100
        assert p.log_density(path[-1], 0.05).mean() > p.log_density(path[0], 0.05).mean() + 1


def test_training_brings_the_network_nearer_to_the_true_denoiser(page: ModuleType) -> None:
    torch.manual_seed(0)
    p = page.tree()
    z = p.sample(1000) + 0.3 * torch.randn(1000, 2)
    before, after = page.Network(), page.train(p, 200)
    errors = [(network(z, 0.3) - p.denoise(z, 0.3)).square().mean() for network in (before, after)]
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize(
    ("estimator", "calls"), [("sds", 150), ("one_call", 150), ("paper", 1800)], ids=["sds", "one call", "paper"]
)
def test_methods_cost_the_calls_that_the_table_says(
    page: ModuleType, printed: tuple[str, Path], estimator: str, calls: int
) -> None:
    made = 0

    def counted(z: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
        nonlocal made
        made += 1
        return 0.5 * z

    page.distil(getattr(page, estimator), counted, start()[:2])
    name = {"sds": "SDS ", "one_call": "mean shift, one call", "paper": "mean shift, paper"}[estimator]
    row = next(line for line in printed[0].splitlines() if line.startswith(name))
    assert made == calls == int(row[20:31])
