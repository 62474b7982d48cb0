"""The ideal denoiser of a finite set of samples."""

import pytest
import torch

from server.priors.ideal import IdealDenoiser


@pytest.mark.parametrize("bandwidth", [0.05, 0.3, 2.0])
def test_it_performs_classical_mean_shift(bandwidth: float) -> None:
    generator = torch.Generator().manual_seed(0)
    ideal = IdealDenoiser(torch.randn((50, 3), generator=generator, dtype=torch.float64))
    x = torch.randn((8, 3), generator=generator, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(ideal.log_density(x, bandwidth).sum(), x)
    shift = ideal(x.detach(), torch.full((8,), bandwidth, dtype=torch.float64)) - x.detach()
    torch.testing.assert_close(shift, bandwidth**2 * gradient, atol=1e-12, rtol=1e-12)


def test_one_sample_is_always_the_answer() -> None:
    only = torch.randn((1, 3, 4, 4))
    answer = IdealDenoiser(only)(50 * torch.randn(5, 3, 4, 4), torch.full((5,), 0.01))
    torch.testing.assert_close(answer, only.expand(5, -1, -1, -1))


def test_its_density_is_normalised() -> None:
    ideal = IdealDenoiser(torch.tensor([[-0.5], [0.7]], dtype=torch.float64))
    axis = torch.linspace(-5, 5, 2001, dtype=torch.float64)[:, None]
    assert float(ideal.log_density(axis, 0.3).exp().sum() * 0.005) == pytest.approx(1, abs=1e-9)
