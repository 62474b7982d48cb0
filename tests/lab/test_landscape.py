"""Landscapes reconstructed from gradient fields."""

import numpy as np
import pytest
import torch

from server.errors import BadRequest
from server.lab.densities import CLASS_OF, density
from server.lab.guided import guided
from server.lab.landscape import integrate, landscape


def test_a_gradient_field_gives_back_its_function() -> None:
    axis = np.linspace(-1, 1, 41)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    function = -(x**2) - 0.5 * x * y - 2 * y**2 + x
    field = np.stack([-2 * x - 0.5 * y + 1, -0.5 * x - 4 * y], -1)
    values, residual = integrate(field, axis[1] - axis[0])
    np.testing.assert_allclose(values, function - function.max(), atol=1e-9)
    assert residual < 1e-12


def test_a_rotation_is_no_gradient_and_says_so() -> None:
    axis = np.linspace(-1, 1, 21)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    values, residual = integrate(np.stack([-y, x], -1), axis[1] - axis[0])
    assert residual > 0.9
    assert float(np.abs(values).max()) < 0.3


def test_the_mean_shift_landscape_is_the_smoothed_log_density() -> None:
    result = landscape("fractal", "tweedie", 0.3, torch.Generator())
    axis = torch.from_numpy(result.axis)
    truth = density("fractal").log_density(torch.cartesian_prod(axis, axis), 0.3).reshape(81, 81)
    assert float((truth - truth.max() - torch.from_numpy(result.values)).abs().max()) < 2e-3
    assert result.residual < 1e-3


def test_sds_is_highest_where_there_are_no_data() -> None:
    result = landscape("fractal", "sds", 1.0, torch.Generator().manual_seed(0), size=31, draws=12)
    at = torch.tensor([result.maximum()], dtype=torch.float64)
    assert float(density("fractal").log_density(at)) < -5


def test_mean_shift_is_highest_on_the_data() -> None:
    result = landscape("fractal", "tweedie", 0.1, torch.Generator())
    at = torch.tensor([result.maximum()], dtype=torch.float64)
    assert float(density("fractal").log_density(at)) > 2


def test_a_wide_kernel_has_its_maximum_off_the_data_of_the_spiral() -> None:
    wide = landscape("spiral", "tweedie", 0.3, torch.Generator(), size=41)
    narrow = landscape("spiral", "tweedie", 0.1, torch.Generator(), size=41)
    at = torch.tensor([wide.maximum(), narrow.maximum()], dtype=torch.float64)
    off, on = density("spiral").log_density(at).tolist()
    assert off < -15 < 0 < on


def test_every_density_with_classes_has_landscapes_with_and_without_guidance() -> None:
    assert set(CLASS_OF) >= {"fractal", "spiral", "pinwheel"}
    for name in CLASS_OF:
        plain = landscape(name, "tweedie", 0.1, torch.Generator(), size=13)
        towards = landscape(name, "tweedie", 0.1, torch.Generator(), size=13, scale=4.0)
        assert float(np.abs(plain.values - towards.values).max()) > 1


def test_guidance_needs_a_class() -> None:
    with pytest.raises(BadRequest, match="no classes") as caught:
        guided("fractal_b", 4.0)
    assert caught.value.code == "density-unknown"
