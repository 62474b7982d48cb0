"""The estimators of the mean shift, against closed forms."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import torch
from scipy.special import erfcx
from torch import Tensor

from server.guidance.estimate import Estimator, Watched
from server.guidance.mean_shift import Exact, KernelTime, Noised, Paper, Tweedie, contraction, product_denoiser
from server.guidance.noise import Fresh
from server.guidance.sampling import sample
from server.guidance.schedules import karras_grid
from server.lab.densities import density
from server.priors.denoiser import Guided

FRACTAL = density("fractal")
PINWHEEL = density("pinwheel")
T1, T2 = (torch.tensor([p], dtype=torch.float64) for p in ([0.5, 0.5], [0.0, 0.0]))
ESTIMATORS: list[Estimator] = [
    Tweedie(),
    Noised(samples=2),
    Exact(steps=4),
    Paper(steps=6),
    Paper(steps=6, centre="random", samples=2),
    Paper(steps=6, centre="inversion"),
    Paper(steps=6, start="prior"),
]


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _gaussian(std: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The denoiser of N(0, std^2 I)."""

    def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
        return noisy * (std**2 / (std**2 + sigma.reshape(-1, *[1] * (noisy.dim() - 1)) ** 2))

    return denoise


# --- the exact product density


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2, 1.0, 5.0])
@pytest.mark.parametrize("bandwidth", [0.05, 0.2, 1.0])
def test_the_product_denoiser_is_the_denoiser_of_the_product_density(sigma: float, bandwidth: float) -> None:
    x = torch.tensor([[0.5, 0.6]], dtype=torch.float64)
    noisy = x + sigma * torch.randn((20, 2), generator=_generator(), dtype=torch.float64)
    product = FRACTAL.product(x[0], bandwidth)
    clean = product_denoiser(Watched(FRACTAL), x, bandwidth)(noisy, sigma)
    torch.testing.assert_close(clean, product.denoise(noisy, sigma), atol=1e-12, rtol=0)
    score = (clean - noisy) / sigma**2
    torch.testing.assert_close(score, product.score(noisy, sigma), atol=1e-12 / sigma**2, rtol=1e-12)


@pytest.mark.parametrize("sigma_stop", [0.02, 0.5, 1.5])
def test_exact_samples_have_the_products_mean_at_every_stop(sigma_stop: float) -> None:
    count, bandwidth = 2000, 0.2
    x = torch.tensor([[0.2, 0.4]], dtype=torch.float64).expand(count, -1)
    estimate = Exact(steps=16, sigma_stop=sigma_stop)(PINWHEEL, x, bandwidth, Fresh(_generator()))
    error = estimate.target.std(0) / count**0.5
    assert bool(((estimate.target.mean(0) - PINWHEEL.product(x[0], bandwidth).mean()).abs() < 3 * error).all())


def test_exact_samples_have_the_products_variance() -> None:
    x = torch.tensor([[0.2, 0.4]], dtype=torch.float64).expand(2000, -1)
    target = Exact(steps=16)(PINWHEEL, x, 0.2, Fresh(_generator())).target
    expected = PINWHEEL.product(x[0], 0.2).covariance().trace()
    assert float(target.T.cov().trace()) == pytest.approx(float(expected), rel=0.1)


def test_stopping_earlier_leaves_less_variance_down_to_tweedies_none() -> None:
    x = T1.expand(300, -1)
    spread = [
        float(
            Exact(steps=8, sigma_stop=stop, sigma_start=20)(PINWHEEL, x, 0.2, Fresh(_generator())).target.var(0).sum()
        )
        for stop in (0.02, 0.5, 2.0, 20.0)
    ]
    assert all(later < earlier for earlier, later in pairwise(spread))
    assert spread[-1] < 0.01 * spread[0]


def test_tweedie_is_the_products_mean() -> None:
    x = torch.randn((10, 2), generator=_generator(), dtype=torch.float64)
    expected = torch.stack([FRACTAL.product(point, 0.15).mean() for point in x])
    torch.testing.assert_close(Tweedie()(FRACTAL, x, 0.15, Fresh(_generator())).target, expected, atol=1e-12, rtol=0)


def test_noised_averages_to_its_own_closed_form() -> None:
    # For N(0, s^2): E_n[D(x + lambda n, lambda)] = D(x, lambda), as D is linear.
    x = torch.full((4000, 1), 0.7, dtype=torch.float64)
    target = Noised()(_gaussian(1.0), x, 0.5, Fresh(_generator())).target
    assert float(target.mean()) == pytest.approx(0.7 / 1.25, abs=3 * float(target.std()) / 4000**0.5)


# --- the composite score


@pytest.mark.parametrize("bandwidth", [0.25, 1.0, 3.0])
def test_the_composite_of_one_gaussian_has_its_closed_form(bandwidth: float) -> None:
    a = 1 / (2 * bandwidth**2)
    estimator = Paper(steps=4000, start="prior", interval=(0, math.inf), sigma_max=200)
    x = torch.ones((1, 1), dtype=torch.float64)
    target = estimator(_gaussian(1.0), x, bandwidth, Fresh(_generator())).target
    assert float(target) == pytest.approx(math.sqrt(math.pi * a) * float(erfcx(math.sqrt(a))), abs=3e-4)


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 3.0])
def test_the_widened_composite_of_one_gaussian_has_its_closed_form(bandwidth: float) -> None:
    estimator = Paper(steps=4000, start="prior", interval=(0, math.inf), sigma_max=2000, kernel_time="lam2+sigma2")
    x = torch.ones((1, 1), dtype=torch.float64)
    target = estimator.chain(Watched(_gaussian(1.0)), torch.zeros_like(x), bandwidth, lambda sigma: x)
    assert float(target) == pytest.approx(1 / (1 + bandwidth), abs=3e-4)


@pytest.mark.parametrize(
    ("kernel_time", "point", "expected"),
    [
        ("half_var", T1, [0.3397096495, 0.3091411102]),
        ("half_var", T2, [0.0556851417, 0.0950038235]),
        ("lam2+sigma2", T1, [0.3232788240, 0.3076896636]),
        ("sigma", T1, [0.4294278473, 0.4092179251]),
    ],
)
def test_the_composite_chain_from_zero_has_its_reference_values(
    kernel_time: KernelTime, point: Tensor, expected: list[float]
) -> None:
    estimator = Paper(steps=16, start="prior", interval=(0, math.inf), kernel_time=kernel_time)
    target = estimator.chain(Watched(FRACTAL), torch.zeros_like(point), 0.2, lambda sigma: point)
    torch.testing.assert_close(target[0], torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=0)


@pytest.mark.parametrize("kernel_time", ["half_var", "sigma", "lam2+sigma2", "vp"])
def test_the_contraction_is_between_zero_and_one_and_one_outside_the_interval(kernel_time: KernelTime) -> None:
    levels = [*karras_grid(0.002, 14.0, 20), 0.0]
    for bandwidth in (0.01, 0.2, 3.0):
        for a, b in pairwise(levels):
            assert 0 <= contraction(kernel_time, a, b, bandwidth) <= 1
    assert contraction(kernel_time, 5.0, 4.0, 0.5, (0.1, 3.0)) == 1
    assert contraction(kernel_time, 0.05, 0.01, 0.5, (0.1, 3.0)) == 1
    assert contraction(kernel_time, 2.0, 1.0, 0.5, (0.1, 3.0)) == contraction(kernel_time, 2.0, 1.0, 0.5)


@pytest.mark.parametrize("kernel_time", ["half_var", "sigma", "lam2+sigma2", "vp"])
def test_two_short_steps_contract_like_one_long_step(kernel_time: KernelTime) -> None:
    whole = contraction(kernel_time, 1.3, 0.2, 0.6)
    assert contraction(kernel_time, 1.3, 0.7, 0.6) * contraction(kernel_time, 0.7, 0.2, 0.6) == pytest.approx(whole)


def test_the_variance_preserving_chain_is_the_same_chain() -> None:
    """The published form: DDIM in alpha-bar notation, kernel centred at sqrt(alpha_bar') x."""
    bandwidth, levels = 0.4, [*karras_grid(0.03, 14.0, 20), 0.0]
    noise = torch.randn((16, 2), generator=_generator(), dtype=torch.float64)
    scaled = noise * 14.0 / math.sqrt(1 + 14.0**2)
    for a, b in pairwise(levels):
        before, after = 1 / (1 + a**2), 1 / (1 + b**2)
        clean = PINWHEEL.denoise(scaled / math.sqrt(before), a)
        eps = (scaled - math.sqrt(before) * clean) / math.sqrt(1 - before)
        hat = math.sqrt(after) * clean + math.sqrt(1 - after) * eps
        rho = contraction("lam2+sigma2", a, b, bandwidth)
        scaled = math.sqrt(after) * T1 + (hat - math.sqrt(after) * T1) * rho
    estimator = Paper(
        steps=20, start="prior", sigma_min=0.03, sigma_max=14.0, interval=(0, math.inf), kernel_time="lam2+sigma2"
    )
    ours = estimator.chain(Watched(PINWHEEL), 14.0 * noise, bandwidth, lambda sigma: T1)
    torch.testing.assert_close(ours, scaled, atol=1e-12, rtol=0)


def test_the_flow_matching_chain_is_the_same_chain() -> None:
    """Euler steps of dz/du = v with the kernel centred at (1 - u') x."""
    bandwidth, levels = 0.4, [*karras_grid(0.03, 14.0, 20), 0.0]
    noise = torch.randn((16, 2), generator=_generator(), dtype=torch.float64)
    state = noise * 14.0 / 15.0
    for a, b in pairwise(levels):
        u, v = a / (1 + a), b / (1 + b)
        clean = PINWHEEL.denoise(state / (1 - u), a)
        hat = state + (v - u) * (state - clean) / u
        rho = contraction("half_var", a, b, bandwidth)
        state = (1 - v) * T1 + (hat - (1 - v) * T1) * rho
    estimator = Paper(steps=20, start="prior", sigma_min=0.03, sigma_max=14.0, interval=(0, math.inf))
    ours = estimator.chain(Watched(PINWHEEL), 14.0 * noise, bandwidth, lambda sigma: T1)
    torch.testing.assert_close(ours, state, atol=1e-12, rtol=0)


# --- limits of the bandwidth


@pytest.mark.parametrize("estimator", [Tweedie(), Exact(), Paper()])
def test_a_vanishing_bandwidth_leaves_x_where_it_is(estimator: Estimator) -> None:
    x = torch.randn((20, 2), generator=_generator(), dtype=torch.float64)
    shift = estimator(PINWHEEL, x, 1e-4, Fresh(_generator())).target - x
    assert float(shift.abs().max()) < 1e-3


def test_a_vanishing_bandwidth_gives_the_score() -> None:
    bandwidth = 1e-4
    shift = Tweedie()(PINWHEEL, T1, bandwidth, Fresh(_generator())).target - T1
    torch.testing.assert_close(shift / bandwidth**2, PINWHEEL.score(T1), rtol=1e-3, atol=0)


def test_a_huge_bandwidth_makes_the_papers_target_a_plain_ddim_sample() -> None:
    x = torch.zeros((50, 2), dtype=torch.float64)
    target = Paper(start="prior", steps=16, interval=(0, math.inf))(PINWHEEL, x, 1e9, Fresh(_generator(4))).target
    grid = karras_grid(0.002, 5.0, 16)
    plain = sample(PINWHEEL, (50, 2), grid, _generator(4), "ddim", dtype=torch.float64)
    torch.testing.assert_close(target, plain, atol=1e-12, rtol=0)


def test_a_huge_bandwidth_makes_tweedies_target_the_mean_of_the_data() -> None:
    target = Tweedie()(FRACTAL, T2, 1e4, Fresh(_generator())).target
    torch.testing.assert_close(target[0], FRACTAL.mean(), atol=1e-6, rtol=0)


# --- what every estimator promises


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_shape_and_precision_comes_back_as_it_went_in(estimator: Estimator, dtype: torch.dtype) -> None:
    x = torch.randn((2, 4, 8, 8), generator=_generator(), dtype=dtype)
    estimate = estimator(_gaussian(1.0), x, 0.5, Fresh(_generator()))
    assert estimate.target.shape == x.shape
    assert estimate.target.dtype == dtype
    assert bool(torch.isfinite(estimate.target).all())


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_reported_calls_are_the_calls_made(estimator: Estimator) -> None:
    made = 0

    def counting(noisy: Tensor, sigma: Tensor) -> Tensor:
        nonlocal made
        made += 1
        return _gaussian(1.0)(noisy, sigma)

    assert estimator(counting, T1, 0.3, Fresh(_generator())).denoiser_calls == made


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_same_seed_gives_the_same_target(estimator: Estimator) -> None:
    first, second = (estimator(PINWHEEL, T1, 0.2, Fresh(_generator(9))).target for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_no_gradient_flows_through_the_denoiser_and_x_receives_x_minus_target(estimator: Estimator) -> None:
    gain = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
    jacobian = torch.randn((2, 3), generator=_generator(), dtype=torch.float64)
    theta = torch.randn((1, 3), generator=_generator(), dtype=torch.float64).requires_grad_()
    x = theta @ jacobian.T

    def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
        return gain * noisy

    target = estimator(denoise, x, 0.3, Fresh(_generator())).target
    assert not target.requires_grad
    (0.5 * (x - target) ** 2).sum().backward()
    torch.testing.assert_close(theta.grad, (x.detach() - target) @ jacobian)
    assert gain.grad is None


def test_a_mode_does_not_move() -> None:
    x = torch.zeros((1, 2), dtype=torch.float64)
    target = Tweedie()(_gaussian(0.7), x, 0.3, Fresh(_generator())).target
    assert torch.equal(target, x)


def test_noised_inputs_lie_on_the_networks_training_shell_and_clean_ones_do_not() -> None:
    x = 0.05 * torch.randn((4, 256), generator=_generator(1))
    denoiser = _gaussian(0.05)
    on_shell = Noised()(denoiser, x, 0.5, Fresh(_generator())).shell_ratio
    off_shell = Tweedie()(denoiser, x, 0.5, Fresh(_generator())).shell_ratio
    assert on_shell is not None
    assert off_shell is not None
    assert float(on_shell) == pytest.approx(1, abs=0.1)
    assert float(off_shell) < 0.15


def test_random_centres_keep_the_papers_chain_near_the_training_shell() -> None:
    x = 0.05 * torch.randn((4, 256), generator=_generator(1))
    shells = {
        centre: float(Paper(centre=centre, steps=10)(_gaussian(0.05), x, 0.5, Fresh(_generator())).shell_ratio or 0)
        for centre in ("clean", "random")
    }
    assert shells["clean"] < 0.3
    assert shells["random"] == pytest.approx(1, abs=0.15)


def test_inverting_without_guidance_leaves_the_guided_direction_in_the_shift() -> None:
    """With one guidance scale for both ways the inversion retraces the sampler's path and little of it is left."""

    class TwoClasses:
        def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[float]) -> list[Tensor]:
            return [(noisy - c) / (1 + sigma[:, None] ** 2) + c for c in conditions]

    x = torch.zeros((1, 2), dtype=torch.float64)

    def length(inversion_scale: float) -> float:
        guided = Guided(TwoClasses(), 1.0, 0.0, scale=3.0)
        estimator = Paper(centre="inversion", steps=10, inversion_scale=inversion_scale)
        return float((estimator(guided, x, 0.5, Fresh(_generator())).target - x).norm())

    assert length(0.0) > 2.5 * length(3.0)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Paper(interval=(2.0, 1.0)),
        lambda: Paper(interval=(0.1, math.inf)),
        lambda: Paper(samples=0),
        lambda: Exact(sigma_stop=0),
        lambda: Exact(sigma_stop=6.0),
    ],
)
def test_settings_without_meaning_are_refused(build: Callable[[], Estimator]) -> None:
    with pytest.raises(ValueError, match=r"interval|needs"):
        build()
