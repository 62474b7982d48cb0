"""`bench field` and `bench prior` time what they say they time."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from server.bench.field import backends, field_rates, field_step
from server.bench.prior import bench_prior
from server.bench.timing import Stopwatch, best_times
from server.generators.radiance_field.rendering import render
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import read_recipe


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("exact", "cpu")


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def test_the_watch_gives_every_part_its_own_time(clock: Clock) -> None:
    watch = Stopwatch("cpu")
    for part, duration in (("short", 1.0), ("long", 5.0), ("short", 2.0), (None, 100.0), ("long", 6.0)):
        watch.enter(part)
        clock.now += duration
    watch.enter(None)
    assert watch.seconds == {"short": 3.0, "long": 11.0}


def test_the_fastest_of_several_runs_counts_and_the_first_does_not(clock: Clock) -> None:
    durations = iter([1.0, 7.0, 5.0, 6.0])

    def work() -> None:
        clock.now += next(durations)

    assert best_times({"work": work}, 3, "cpu") == {"work": 5.0}


def test_both_backends_are_measured_alone_and_in_the_field() -> None:
    rates = field_rates("cpu", repeats=1, points=200)
    assert list(rates) == list(backends("cpu")) == ["torch", "numba"]
    for rate in rates.values():
        assert list(rate) == ["encoding_forward", "encoding_both", "field_forward", "field_both"]
        assert all(value > 0 for value in rate.values())


def test_a_step_is_split_into_all_of_its_parts(prior: Prior) -> None:
    recipe = read_recipe({"kind": "mesh", "prompt": "a red ball", "preset": "sketch", "steps": 3})
    counted: list[None] = []
    parts = field_step(recipe, prior, "numba", "cpu", lambda: counted.append(None))
    assert parts.pop("steps") == len(counted) == 3
    assert parts.pop("total") == pytest.approx(sum(parts.values()), abs=1e-4)
    assert set(parts) == {"rays", "field", "compositing", "guidance", "denoiser", "optimiser"}
    assert all(seconds > 0 for seconds in parts.values())
    # Nothing is left behind that would time the next optimiser.
    weight = torch.zeros(1, requires_grad=True)
    weight.sum().backward()
    torch.optim.SGD([weight]).step()


def test_a_step_is_timed_at_the_size_that_was_asked_for(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def watched(field: Any, occupancy: Any, views: Any, size: int, *rest: Any) -> Any:
        sizes.append(size)
        return render(field, occupancy, views, size, *rest)

    monkeypatch.setattr("server.generators.radiance_field.subject.render", watched)
    recipe = read_recipe({"kind": "mesh", "prompt": "a red ball", "steps": 2, "render_size": 24})
    field_step(recipe, prior, "numba", "cpu", lambda: None)
    assert sizes == [12, 24]  # the first part of a run is rendered at half of it


def test_evaluations_are_counted_by_the_size_of_the_batch(prior: Prior) -> None:
    rates = bench_prior(prior, "a red ball", "cpu", repeats=1)
    assert list(rates) == ["1", "2", "4", "8", "16"]
    assert all(rate > 0 for rate in rates.values())
