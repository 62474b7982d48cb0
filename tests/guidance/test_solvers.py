"""Solvers of the probability-flow ODE."""

import pytest
import torch
from torch import Tensor

from server.guidance.sampling import Solver, sample, solve
from server.guidance.schedules import karras_grid
from server.lab.densities import density

SOLVERS: list[Solver] = ["ddim", "heun", "2m"]


def _unit_gaussian(noisy: Tensor, sigma: float) -> Tensor:
    return noisy / (1 + sigma**2)


@pytest.mark.parametrize(("solver", "order"), [("ddim", 1), ("heun", 2), ("2m", 2)])
def test_halving_the_step_divides_the_error_by_two_to_the_order(solver: Solver, order: int) -> None:
    # For N(0, 1) the ODE keeps z / sqrt(1 + sigma^2).
    start = torch.tensor([[3.0]], dtype=torch.float64)
    exact = start * ((1 + 0.1**2) / (1 + 3.0**2)) ** 0.5
    errors = [
        float((solve(_unit_gaussian, start, karras_grid(0.1, 3.0, steps + 1), solver) - exact).abs())
        for steps in (32, 64)
    ]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_samples_follow_the_density(solver: Solver) -> None:
    mixture = density("pinwheel")
    drawn = sample(mixture, (1000, 2), karras_grid(0.002, 5, 32), torch.Generator().manual_seed(0), solver)
    true = -float(mixture.log_density(mixture.sample(4000, torch.Generator().manual_seed(1))).mean())
    assert -float(mixture.log_density(drawn.double()).mean()) == pytest.approx(true, abs=0.25)
    assert drawn.dtype == torch.float32


@pytest.mark.parametrize("sigmas", [[1.0, 1.0], [1.0, 2.0], [1.0, -0.1]])
def test_levels_that_do_not_fall_are_refused(sigmas: list[float]) -> None:
    with pytest.raises(ValueError, match="strictly decreasing"):
        solve(_unit_gaussian, torch.zeros(1, 1), sigmas)
