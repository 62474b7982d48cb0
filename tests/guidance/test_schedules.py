"""Schedules and noise grids as values."""

import math
from itertools import pairwise

import pytest
import torch

from server.guidance.schedules import Schedule, karras_grid, log_grid, sigma_at, timestep_at
from server.priors.parametrisation import NoiseTable


@pytest.mark.parametrize("name", ["linear", "cosine", "geometric", "timestep"])
def test_a_schedule_runs_from_start_to_end(name: str) -> None:
    schedule = Schedule(name, 0.4, 0.01)
    values = [schedule(i / 20) for i in range(21)]
    assert values[0] == pytest.approx(0.4)
    assert values[-1] == pytest.approx(0.01)
    assert all(a > b for a, b in pairwise(values))


def test_halfway_values_are_those_of_the_curves() -> None:
    assert Schedule("constant", 0.4, 0.1)(0.5) == 0.4
    assert Schedule("linear", 0.4, 0.1)(0.5) == pytest.approx(0.25)
    assert Schedule("cosine", 0.4, 0.1)(0.25) == pytest.approx(0.1 + 0.3 * (1 + math.cos(math.pi / 4)) / 2)
    assert Schedule("geometric", 0.4, 0.1)(0.5) == pytest.approx(0.2)


def test_progress_outside_zero_to_one_is_clamped() -> None:
    assert Schedule("linear", 1.0, 0.0)(7) == 0.0
    assert Schedule("linear", 1.0, 0.0)(-7) == 1.0


@pytest.mark.parametrize(
    "arguments", [("cubic", 1, 0.1), ("geometric", 1, 0), ("timestep", 0, 1), ("linear", math.nan, 1)]
)
def test_schedules_without_meaning_are_refused(arguments: tuple[str, float, float]) -> None:
    with pytest.raises(ValueError, match="schedule"):
        Schedule(*arguments)


@pytest.mark.parametrize("grid", [karras_grid, log_grid])
def test_a_grid_falls_strictly_between_its_ends(grid) -> None:  # type: ignore[no-untyped-def]
    levels = grid(0.002, 5.0, 32)
    assert (levels[0], levels[-1], len(levels)) == (5.0, 0.002, 32)
    assert all(a > b for a, b in pairwise(levels))
    assert grid(0.002, 5.0, 1) == [5.0]


def test_the_karras_grid_is_even_in_the_seventh_root() -> None:
    roots = [sigma ** (1 / 7) for sigma in karras_grid(0.002, 5.0, 11)]
    assert roots[5] == pytest.approx((roots[0] + roots[-1]) / 2)


def test_an_empty_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="empty noise grid"):
        karras_grid(2.0, 1.0, 8)


def test_timesteps_are_those_of_stable_diffusion() -> None:
    table = NoiseTable.scaled_linear()
    for time in (0.0, 0.5, 20.0, 250.0, 998.5, 999.0):
        assert sigma_at(time) == pytest.approx(float(table.sigma_of(torch.tensor(time, dtype=torch.float64))))
        assert timestep_at(sigma_at(time)) == pytest.approx(time, abs=1e-6)
    assert sigma_at(1100.0) > sigma_at(999.0) > sigma_at(0.0) > sigma_at(-5.0) > 0


@pytest.mark.parametrize("ends", [(13.0, 0.7), (100.0, 0.001), (0.002, 0.001)])
def test_halfway_in_time_is_halfway_between_the_timesteps_of_the_ends(ends: tuple[float, float]) -> None:
    start, end = ends
    half = Schedule("timestep", start, end)(0.5)
    assert timestep_at(half) == pytest.approx((timestep_at(start) + timestep_at(end)) / 2)
    assert end < half < start
