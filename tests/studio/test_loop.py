"""The loop climbs to a mode, stops when asked, survives bad numbers, and repeats itself exactly."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from server.errors import Cancelled, JobFailed
from server.generators.subject import Exposure
from server.priors.card import PriorCard
from server.priors.views import Views
from server.recipe import Recipe, read_recipe
from server.studio.optimisation import Outcome, Step, optimise

MODE = torch.tensor([0.2, 0.7, 0.4]).view(1, 3, 1, 1)


class OneColour:
    """A prior that believes in one plain colour, N(MODE, 0.1^2): its denoiser is the closed form for a Gaussian."""

    card = PriorCard(
        "one colour",
        "",
        "",
        image_size=4,
        latent_shape=(3, 4, 4),
        guidance_scale=1.0,
        estimator="tweedie",
        bandwidth_end=0.1,
    )

    def condition(self, prompt: str, views: Views | None = None) -> str:
        return prompt

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        trust = (0.1**2 / (0.1**2 + sigma**2)).view(-1, 1, 1, 1)
        return [MODE + trust * (noisy - MODE) for _ in conditions]

    def encode(self, image: Tensor) -> Tensor:
        return image

    def decode(self, latent: Tensor) -> Tensor:
        return latent


class Swatch:
    """The simplest subject: one colour, seen as a flat image."""

    def __init__(self, bad_steps: Sequence[int] = ()) -> None:
        self.colour = nn.Parameter(torch.full((3,), 0.5))
        self._bad_steps = bad_steps

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        image = self.colour.view(1, 3, 1, 1).expand(2, 3, 4, 4)
        if step in self._bad_steps:
            image = image * float("nan")
        return Exposure(image, None, image.new_zeros(()))

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.colour], "lr": 0.05}]


def recipe(**changes: Any) -> Recipe:
    return read_recipe({"kind": "texture", "prompt": "anything", "steps": 120, **changes})


def never() -> Literal["finish"] | None:
    return None


def run(subject: Swatch, asked: Recipe, should_stop: Any = never) -> tuple[Outcome, list[Step]]:
    steps: list[Step] = []
    return optimise(subject, OneColour(), asked, steps.append, should_stop), steps


def test_it_climbs_to_the_mode_of_the_prior() -> None:
    subject = Swatch()
    outcome, steps = run(subject, recipe(guidance={"stop_threshold": 0.0}))
    torch.testing.assert_close(subject.colour.detach(), MODE.flatten(), atol=0.02, rtol=0)
    assert outcome.stopped_by == "steps"
    assert [step.number for step in steps] == list(range(1, 121))


def test_the_bandwidth_only_shrinks() -> None:
    _, steps = run(Swatch(), recipe())
    bandwidths = [step.bandwidth for step in steps]
    assert bandwidths == sorted(bandwidths, reverse=True)
    assert bandwidths[0] == pytest.approx(OneColour.card.bandwidth_start)


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


def test_a_step_with_broken_numbers_is_skipped_and_counted() -> None:
    subject = Swatch(bad_steps=[5, 6, 40])
    outcome, _ = run(subject, recipe())
    assert outcome.skipped_steps == 3
    torch.testing.assert_close(subject.colour.detach(), MODE.flatten(), atol=0.02, rtol=0)


def test_many_broken_steps_in_a_row_fail_by_name_and_leave_the_last_good_state() -> None:
    subject = Swatch(bad_steps=range(20, 200))
    with pytest.raises(JobFailed) as failure:
        run(subject, recipe())
    assert failure.value.code == "not-finite"
    assert torch.isfinite(subject.colour).all()


@pytest.mark.parametrize("estimator", ["tweedie", "noised", "paper", "exact"])
def test_the_same_recipe_repeats_to_the_last_bit(estimator: str) -> None:
    results = []
    for _ in range(2):
        subject = Swatch()
        run(subject, recipe(steps=15, seed=7, guidance={"estimator": estimator, "sampler_steps": 4}))
        results.append(subject.colour.detach().clone())
    assert torch.equal(*results)
