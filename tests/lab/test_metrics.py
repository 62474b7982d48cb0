"""Measures of quality."""

import pytest
import torch

from server.lab.densities import density
from server.lab.metrics import maximum_mean_discrepancy, negative_log_likelihood, precision_recall


def _points(count: int, seed: int = 0) -> torch.Tensor:
    return density("pinwheel").sample(count, torch.Generator().manual_seed(seed))


def test_identical_sets_have_full_precision_and_recall() -> None:
    assert precision_recall(_points(100), _points(100)) == (1.0, 1.0)


def test_disjoint_sets_have_none() -> None:
    assert precision_recall(_points(100), _points(100) + 50) == (0.0, 0.0)


def test_a_collapsed_set_has_precision_but_no_recall() -> None:
    real = _points(200)
    precision, recall = precision_recall(real[:1] + 1e-4 * torch.randn(200, 2, dtype=torch.float64), real)
    assert precision == 1.0
    assert recall < 0.05


def test_mmd_of_sets_from_one_law_is_zero_within_its_error() -> None:
    values = torch.tensor([maximum_mean_discrepancy(_points(200, s), _points(200, 100 + s)) for s in range(12)])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 12**0.5


def test_mmd_has_the_closed_form_of_two_far_points() -> None:
    far = torch.zeros((2, 2), dtype=torch.float64), torch.full((2, 2), 100.0, dtype=torch.float64)
    assert maximum_mean_discrepancy(*far) == pytest.approx(2.0)


def test_negative_log_likelihood_gives_mean_and_median() -> None:
    mixture = density("pinwheel")
    points = torch.cat([_points(3), torch.full((1, 2), 9.0, dtype=torch.float64)])
    values = -mixture.log_density(points)
    mean, median = negative_log_likelihood(mixture, points)
    assert mean == pytest.approx(float(values.mean()))
    assert median < mean
