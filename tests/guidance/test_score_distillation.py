"""Score distillation sampling, the baseline."""

import math

import pytest
import torch

from server.guidance.mean_shift import Noised
from server.guidance.noise import Fresh
from server.guidance.score_distillation import (
    Annealed,
    LevelLaw,
    LogNormal,
    ScoreDistillation,
    UniformSigma,
    UniformTime,
)
from server.lab.densities import density

PINWHEEL = density("pinwheel")


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_sample_is_weight_times_predicted_minus_true_noise() -> None:
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    target = ScoreDistillation(Annealed(), "1-ab")(PINWHEEL, x, 0.5, Fresh(_generator())).target
    noise = torch.randn((1, 2), generator=_generator(), dtype=torch.float64)
    noisy = x + 0.5 * noise
    eps = (noisy - PINWHEEL.denoise(noisy, 0.5)) / 0.5
    torch.testing.assert_close(x - target, 0.25 / 1.25 * (eps - noise))


def test_annealed_sds_with_weight_sigma_is_the_noised_mean_shift() -> None:
    x = torch.randn((8, 2), generator=_generator(1), dtype=torch.float64)
    sds = ScoreDistillation(Annealed(), "sigma", samples=3)(PINWHEEL, x, 0.3, Fresh(_generator()))
    torch.testing.assert_close(sds.target, Noised(samples=3)(PINWHEEL, x, 0.3, Fresh(_generator())).target)


def test_its_mean_ascends_the_twice_smoothed_log_density() -> None:
    sigma, count = 0.3, 4000
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    target = ScoreDistillation(Annealed(), "sigma")(PINWHEEL, x.expand(count, -1), sigma, Fresh(_generator())).target
    points = x + sigma * torch.randn((count, 2), generator=_generator(5), dtype=torch.float64)
    expected = sigma**2 * PINWHEEL.score(points, sigma)
    error = (target.var(0) / count + expected.var(0) / count).sqrt()
    assert bool(((target.mean(0) - x[0] - expected.mean(0)).abs() < 4 * error).all())


@pytest.mark.parametrize(
    ("law", "low", "high"),
    [(UniformTime(), 0.138, 13.05), (UniformTime(0.02, 0.5), 0.138, 1.62), (UniformSigma(0.1, 2.0), 0.1, 2.0)],
)
def test_noise_levels_stay_in_their_range_and_fill_it(law: LevelLaw, low: float, high: float) -> None:
    sigma = law(5000, 1.0, _generator())
    assert low * 0.99 <= float(sigma.min()) <= low * 1.2
    assert high * 0.9 <= float(sigma.max()) <= high * 1.01


def test_the_low_noise_law_is_log_normal() -> None:
    logs = LogNormal(-2.3, 1.5)(20_000, 1.0, _generator()).log()
    assert float(logs.mean()) == pytest.approx(-2.3, abs=0.04)
    assert float(logs.std()) == pytest.approx(1.5, abs=0.03)


def test_every_batch_element_draws_its_own_level() -> None:
    assert len(set(UniformTime()(64, 1.0, _generator()).tolist())) == 64


@pytest.mark.parametrize(
    ("weighting", "expected"), [("1-ab", 0.8), ("one", 1.0), ("sqrt(ab)(1-ab)", 0.8 * math.sqrt(0.2)), ("sigma", 2.0)]
)
def test_weightings_have_their_published_values(weighting: str, expected: float) -> None:
    # alpha_bar = 1 / 5 at sigma = 2; a denoiser that answers 0 gives x.grad = w / sigma x.
    estimator = ScoreDistillation(Annealed(), weighting)  # type: ignore[arg-type]
    x = torch.ones((1, 1), dtype=torch.float64)
    target = estimator(lambda noisy, sigma: torch.zeros_like(noisy), x, 2.0, Fresh(_generator())).target
    assert float(x - target) == pytest.approx(expected / 2)
