"""Closed forms of Gaussian mixtures, against published values of the fractal and against independent computation."""

import pytest
import torch
from torch import Tensor

from server.lab.densities import DENSITIES, density
from server.priors.mixture import GaussianMixture
from tests.closeness import assert_close_to_rounding

FRACTAL = density("fractal")
T = torch.tensor([[0.5, 0.5], [0.0, 0.0]], dtype=torch.float64)


def _points(count: int = 40) -> Tensor:
    return torch.randn((count, 2), generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize(
    ("sigma", "expected"),
    [
        (0.0, [-123.1362892851, -2.5550837600]),
        (0.1, [-2.2515520044, -0.0324593197]),
        (1.0, [-1.9637075953, -2.0619093668]),
    ],
)
def test_log_density_of_the_fractal_has_its_reference_values(sigma: float, expected: list[float]) -> None:
    torch.testing.assert_close(
        FRACTAL.log_density(T, sigma), torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize(
    ("sigma", "expected"), [(0.1, [-11.5372330892, -10.1441800919]), (0.0, [-652.26606974, -373.28407856])]
)
def test_score_of_the_fractal_has_its_reference_values(sigma: float, expected: list[float]) -> None:
    torch.testing.assert_close(
        FRACTAL.score(T[:1], sigma)[0], torch.tensor(expected, dtype=torch.float64), atol=1e-7, rtol=0
    )


@pytest.mark.parametrize(
    ("point", "bandwidth", "expected"),
    [
        (0, 0.2, [-0.1200321244, -0.1109821027]),
        (1, 0.2, [0.1135756765, 0.1574837938]),
        (0, 0.05, [-0.1445481910, -0.0230393950]),
    ],
)
def test_mean_shift_of_the_fractal_has_its_reference_values(
    point: int, bandwidth: float, expected: list[float]
) -> None:
    shift = FRACTAL.denoise(T[point : point + 1], bandwidth)[0] - T[point]
    torch.testing.assert_close(shift, torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize("bandwidth", [0.03, 0.2, 1.0])
def test_tweedie_product_mean_and_smoothed_gradient_are_the_same_mean_shift(name: str, bandwidth: float) -> None:
    mixture = density(name)
    x = _points(6).requires_grad_()
    tweedie = mixture.denoise(x.detach(), bandwidth) - x.detach()
    product = torch.stack([mixture.product(point, bandwidth).mean() - point for point in x.detach()])
    (gradient,) = torch.autograd.grad(mixture.log_density(x, bandwidth).sum(), x)
    torch.testing.assert_close(tweedie, product, atol=1e-12, rtol=0)
    torch.testing.assert_close(tweedie, bandwidth**2 * gradient, atol=1e-12, rtol=0)


@pytest.mark.parametrize("sigma", [0.01, 0.1, 1.0, 5.0])
def test_score_is_the_gradient_of_log_density(sigma: float) -> None:
    x = _points().requires_grad_()
    (gradient,) = torch.autograd.grad(FRACTAL.log_density(x, sigma).sum(), x)
    assert_close_to_rounding(FRACTAL.score(x.detach(), sigma), gradient, within=1e-11)


def test_log_density_integrates_to_one() -> None:
    axis = torch.linspace(-2, 2, 201, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    mass = density("pinwheel").log_density(grid, 0.05).exp().sum() * (axis[1] - axis[0]) ** 2
    assert float(mass) == pytest.approx(1, abs=1e-6)


def test_every_point_may_have_its_own_noise_level() -> None:
    x = _points(3)
    sigma = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    one_by_one = torch.cat([FRACTAL.denoise(x[i : i + 1], float(sigma[i])) for i in range(3)])
    assert_close_to_rounding(FRACTAL(x, sigma), one_by_one, within=1e-13)


def test_samples_have_the_mixtures_mean_and_covariance() -> None:
    mixture = density("fractal_ab")
    drawn = mixture.sample(20_000, torch.Generator().manual_seed(0))
    errors = mixture.covariance().diagonal().sqrt() / 20_000**0.5
    assert bool(((drawn.mean(0) - mixture.mean()).abs() < 4 * errors).all())
    torch.testing.assert_close(drawn.T.cov(), mixture.covariance(), atol=0.03, rtol=0)


def test_float32_answers_agree_with_float64() -> None:
    x = _points()
    single = FRACTAL.to(torch.float32).denoise(x.float(), 0.1)
    torch.testing.assert_close(single.double(), FRACTAL.denoise(x, 0.1), atol=2e-4, rtol=0)


def test_components_of_no_width_answer_with_their_means() -> None:
    means = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    mixture = GaussianMixture(torch.tensor([0.5, 0.5]).double(), means, 1e-12 * torch.eye(2).double().expand(2, 2, 2))
    torch.testing.assert_close(mixture.denoise(torch.tensor([[0.9, 0.3]]).double(), 0.1), means[:1])
