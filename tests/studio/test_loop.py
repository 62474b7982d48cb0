"""The loop climbs to a mode, stops when asked, and repeats itself exactly."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch

from server.errors import Cancelled
from server.generators.subject import Exposure, NoiseLaws
from server.recipe import Recipe, read_recipe
from server.studio.climb import Step, adam_of, learning_rate_factor, step_generator
from server.studio.optimisation import Outcome, optimise
from tests.studio.swatch import MODE, OneColour, Swatch


def recipe(**changes: Any) -> Recipe:
    return read_recipe({"kind": "texture", "prompt": "anything", "steps": 120, **changes})


def never() -> Literal["finish"] | None:
    return None


def run(subject: Swatch, asked: Recipe, should_stop: Any = never) -> tuple[Outcome, list[Step]]:
    steps: list[Step] = []
    return optimise(subject, OneColour(), asked, steps.append, should_stop, lambda warning: None), steps


def test_it_climbs_to_the_mode_of_the_prior() -> None:
    subject = Swatch()
    outcome, steps = run(subject, recipe(guidance={"stop_threshold": 0.0}))
    torch.testing.assert_close(subject.colour.detach(), MODE.flatten(), atol=0.02, rtol=0)
    assert outcome.stopped_by == "steps"
    assert [step.number for step in steps] == list(range(1, 121))


class Held(Swatch):
    """A swatch that would rather be dark, with noise of its own that is zero."""

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        def none(number: int, shape: torch.Size) -> torch.Tensor:
            return torch.zeros(shape)

        seen = super().expose(step, progress, generator)
        return replace(seen, penalty=0.02 * self.colour.sum(), noise=NoiseLaws(none, none))


def test_penalties_weigh_as_much_beside_a_part_of_the_way_as_beside_all_of_it() -> None:
    ends = []
    for noise in ("fresh", "attached"):
        subject = Held()
        run(subject, recipe(steps=300, guidance={"noise": noise, "fits": 1, "stop_threshold": 0.0}))
        ends.append(subject.colour.detach())
    assert (MODE.flatten() - ends[0] > 0.05).all()
    torch.testing.assert_close(ends[1], ends[0], atol=0.03, rtol=0)


def test_the_bandwidth_only_shrinks() -> None:
    _, steps = run(Swatch(), recipe())
    bandwidths = [step.bandwidth for step in steps]
    assert bandwidths == sorted(bandwidths, reverse=True)
    assert bandwidths[0] == pytest.approx(OneColour.card.bandwidth_start)


def test_every_step_says_how_far_from_a_mode_it_is_and_how_much_noise_the_network_saw() -> None:
    _, steps = run(Swatch(), recipe())
    distances = [step.q for step in steps]
    assert all(q is not None and q >= 0 for q in distances)
    assert distances[-1] < 0.1 * distances[0]
    assert all(step.shell_ratio is not None for step in steps)


def test_calls_are_counted_per_image() -> None:
    outcome, steps = run(Swatch(), recipe(steps=10))
    assert outcome.denoiser_calls == 10 * 2  # two images a step, one call each for this estimator
    assert steps[3].denoiser_calls == 4 * 2


def test_guidance_costs_a_second_branch() -> None:
    outcome, _ = run(Swatch(), recipe(steps=10, guidance={"scale": 3.0}))
    assert outcome.denoiser_calls == 10 * 2 * 2


def test_it_stops_by_itself_once_the_shift_has_vanished() -> None:
    outcome, _ = run(Swatch(), recipe(steps=2000, guidance={"stop_threshold": 0.1}))
    assert outcome.stopped_by == "converged"
    assert outcome.steps < 2000


def test_it_does_not_take_a_wide_kernel_for_convergence() -> None:
    # From the mode itself the shift is nothing at every bandwidth, yet the narrow end must be reached first.
    subject = Swatch()
    with torch.no_grad():
        subject.colour.copy_(MODE.flatten())
    outcome, steps = run(subject, recipe(steps=500, guidance={"stop_threshold": 0.5}))
    assert outcome.stopped_by == "converged"
    assert steps[-1].bandwidth <= 1.5 * OneColour.card.bandwidth_end + 1e-6


def test_finish_keeps_what_exists() -> None:
    answers = iter([None] * 30)
    outcome, _ = run(Swatch(), recipe(), lambda: next(answers, "finish"))
    assert (outcome.stopped_by, outcome.steps) == ("finish", 30)


def test_cancel_ends_the_loop_at_once() -> None:
    def cancel() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run(Swatch(), recipe(), cancel)


def test_a_time_budget_is_kept() -> None:
    outcome, _ = run(Swatch(), recipe(steps=100_000, time_budget_s=0.2))
    assert outcome.stopped_by == "time"


def test_waiting_while_paused_does_not_use_up_the_time_budget() -> None:
    def pause_at_first() -> None:
        if not waited:
            waited.append(True)
            time.sleep(0.3)

    waited: list[bool] = []
    outcome, _ = run(Swatch(), recipe(steps=3, time_budget_s=0.25), pause_at_first)
    assert outcome.stopped_by == "steps"


@pytest.mark.parametrize("estimator", ["tweedie", "noised", "paper", "exact"])
def test_the_same_recipe_repeats_to_the_last_bit(estimator: str) -> None:
    results = []
    for _ in range(2):
        subject = Swatch()
        run(subject, recipe(steps=15, seed=7, guidance={"estimator": estimator, "sampler_steps": 4}))
        results.append(subject.colour.detach().clone())
    assert torch.equal(*results)


@pytest.mark.parametrize(("steps", "settles_from"), [(100, 0.7), (300, 0.7), (350, 0.6), (800, 0.5), (7000, 0.5)])
def test_a_long_run_settles_over_its_second_half_and_a_short_one_forms_first(steps: int, settles_from: float) -> None:
    rates = [learning_rate_factor(step, steps) for step in range(steps)]
    plateau = [step for step, rate in enumerate(rates) if rate == 1.0]
    assert max(plateau) + 1 == pytest.approx(settles_from * steps, abs=2)
    assert rates[max(plateau) :] == sorted(rates[max(plateau) :], reverse=True)
    assert 0.02 < rates[-1] < 0.15


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_adam_counts_its_steps_where_snapshots_put_them_back(device: str) -> None:
    parameter = torch.nn.Parameter(torch.zeros(3, device=device))
    parameter.grad = torch.ones_like(parameter)
    adam = adam_of([{"params": [parameter], "lr": 0.01}])
    adam.step()
    assert adam.state[parameter]["step"].device.type == "cpu"


def test_noise_that_stays_is_followed_at_the_full_rate_to_the_end() -> None:
    assert {learning_rate_factor(step, 800, settles=False) for step in range(20, 800)} == {1.0}


def test_every_seed_has_a_randomness_of_its_own() -> None:
    seeds = [0, 1, 255, 256, 257, 511, 512, 65_536, 2**24, 2**31 - 1]
    drawn = [
        tuple(torch.rand(3, generator=step_generator(seed, step)).tolist()) for seed in seeds for step in (0, 1, 2000)
    ]
    assert len(set(drawn)) == len(drawn)
