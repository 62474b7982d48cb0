"""Efficiency of estimators, Eq. 17."""

import math

import pytest
import torch
from torch import Tensor

from server.guidance.estimate import Estimate
from server.guidance.noise import Noise
from server.lab.densities import START_BOX, density
from server.lab.efficiency import CAP, measure
from server.lab.methods import ESTIMATORS
from server.lab.table1 import table1
from server.priors.denoiser import Denoiser


class _Noisy:
    """A known shift plus noise of known variance, at a known cost."""

    def __init__(self, shift: Tensor, variance: float, calls: int) -> None:
        self.shift, self.variance, self.calls = shift, variance, calls

    def __call__(self, denoiser: Denoiser, x: Tensor, bandwidth: float, noise: Noise) -> Estimate:
        spread = noise.like(x) * (self.variance / x.shape[1]) ** 0.5
        return Estimate(x + self.shift + spread, self.calls)


def _measure(calls: int, repeats: int = 4000) -> float:
    shift = torch.tensor([0.6, 0.8], dtype=torch.float64)
    x = torch.zeros((4, 2), dtype=torch.float64)
    estimator = _Noisy(shift, 0.25, calls)
    generator = torch.Generator().manual_seed(0)
    return measure(estimator, density("pinwheel"), x, shift.expand(4, 2), 0.2, repeats, generator).value


def test_efficiency_is_squared_signal_over_variance_times_cost() -> None:
    assert _measure(calls=1) == pytest.approx(math.log(1 / 0.25), abs=0.05)


def test_doubling_the_cost_subtracts_log_two() -> None:
    assert _measure(calls=1) - _measure(calls=2) == pytest.approx(math.log(2))


def test_few_repeats_do_not_inflate_the_signal() -> None:
    values = torch.tensor([_measure(calls=1, repeats=r) for r in (8, 4000)])
    assert float(values[0] - values[1]) == pytest.approx(0, abs=0.6)


def test_an_estimator_without_noise_is_capped_and_without_bias_too() -> None:
    mixture = density("pinwheel")
    x = torch.randn((6, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shift = mixture.denoise(x, 0.2) - x
    found = measure(ESTIMATORS["tweedie"], mixture, x, shift, 0.2, 4, torch.Generator())
    assert (found.value, found.with_bias, found.calls) == (CAP, CAP, 1)
    assert found.relative_bias < 1e-12


def test_the_papers_estimator_is_far_more_efficient_than_sds_and_says_that_it_is_biased() -> None:
    densities = ("fractal", "spiral", "pinwheel")
    rows = table1(densities, per_side=4, repeats=24)["rows"]
    by_name = {(row["density"], row["method"]): row for row in rows}
    for name in densities:
        sds = max(
            row["efficiency"] for row in rows if row["density"] == name and row["method"] in ("sds", "sds-log-normal")
        )
        for method in ("paper", "paper-sigma"):
            assert by_name[name, method]["efficiency"] > sds + 5
            assert by_name[name, method]["relative_bias"] > 0.1
            assert by_name[name, method]["efficiency_with_bias"] < 2


def test_the_literal_exponent_has_the_efficiency_that_the_paper_prints_for_the_fractal() -> None:
    mixture = density("fractal")
    low, high = START_BOX["fractal"]
    x = low + (high - low) * torch.rand((16, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shift = mixture.denoise(x, 1.0) - x
    found = measure(ESTIMATORS["paper-sigma"], mixture, x, shift, 1.0, 12, torch.Generator().manual_seed(0))
    assert found.value == pytest.approx(7.65, abs=2)
