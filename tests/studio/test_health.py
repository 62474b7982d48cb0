"""What goes wrong in a run is mended once and said, or ends it with a name; what was good is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from server.errors import JobFailed
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.subject import RadianceSubject
from server.generators.subject import Exposure
from server.recipe import Recipe, read_recipe
from server.studio.health import STEPS_UNSEEN
from server.studio.optimisation import Outcome, optimise
from server.studio.snapshot import Snapshot
from server.world.camera_law import CameraLaw
from tests.studio.swatch import MODE, OneColour, Swatch


def recipe(**changes: Any) -> Recipe:
    return read_recipe({"kind": "texture", "prompt": "anything", "steps": 120, **changes})


def run(subject: Any, asked: Recipe) -> tuple[Outcome, list[str]]:
    warnings: list[str] = []
    outcome = optimise(subject, OneColour(), asked, lambda step: None, lambda: None, warnings.append)
    return outcome, warnings


def test_a_step_with_broken_numbers_is_skipped_counted_and_told() -> None:
    subject = Swatch(bad_steps=[5, 6, 40])
    outcome, warnings = run(subject, recipe())
    assert outcome.skipped_steps == 3
    assert len(warnings) == 1
    assert "3 steps" in warnings[0]
    torch.testing.assert_close(subject.colour.detach(), MODE.flatten(), atol=0.02, rtol=0)


def test_numbers_that_break_early_and_stay_broken_fail_by_name() -> None:
    subject = Swatch(bad_steps=range(20, 200))
    with pytest.raises(JobFailed) as failure:
        run(subject, recipe())
    assert failure.value.code == "not-finite"
    assert "step 21" in failure.value.message
    assert torch.isfinite(subject.colour).all()


@pytest.mark.parametrize(("steps", "bad_steps"), [(1, [0]), (3, range(3)), (4, [1, 3]), (40, range(0, 40, 2))])
def test_a_run_of_which_most_steps_were_skipped_is_not_done(steps: int, bad_steps: Any) -> None:
    with pytest.raises(JobFailed) as failure:
        run(Swatch(bad_steps=bad_steps), recipe(steps=steps, guidance={"stop_threshold": 0.0}))
    assert failure.value.code == "not-finite"
    assert f"of {steps} steps" in failure.value.message


def test_a_run_that_the_user_ends_after_skipped_steps_alone_is_not_done() -> None:
    asked = iter([None, None, "finish"])
    with pytest.raises(JobFailed) as failure:
        optimise(
            Swatch(bad_steps=range(9)), OneColour(), recipe(), lambda step: None, lambda: next(asked), lambda said: None
        )
    assert failure.value.code == "not-finite"


def test_a_run_of_which_few_steps_were_skipped_is_done() -> None:
    outcome, _ = run(Swatch(bad_steps=[0]), recipe(steps=3, guidance={"stop_threshold": 0.0}))
    assert (outcome.steps, outcome.skipped_steps) == (3, 1)


def test_numbers_that_break_late_leave_the_last_good_state() -> None:
    subject, undisturbed = Swatch(bad_steps=range(92, 200)), Swatch()
    outcome, warnings = run(subject, recipe(guidance={"stop_threshold": 0.0}))
    assert (outcome.stopped_by, outcome.steps, outcome.skipped_steps) == ("not-finite", 90, 10)
    assert any("step 93" in warning and "step 90" in warning for warning in warnings)

    def until_there() -> str | None:
        return next(answers, "finish")

    answers = iter([None] * 90)
    optimise(undisturbed, OneColour(), recipe(), lambda step: None, until_there, warnings.append)
    assert torch.equal(subject.colour, undisturbed.colour)


def test_what_was_not_seen_for_long_starts_anew_once() -> None:
    vanished = range(10, 10 + STEPS_UNSEEN)
    starts = []

    class Watched(Swatch):
        def restore(self, state: dict[str, Tensor]) -> None:
            starts.append(state["colour"])
            super().restore(state)

    outcome, warnings = run(Watched(unseen_steps=vanished), recipe())
    assert outcome.stopped_by in ("steps", "converged")
    assert len(starts) == 1
    torch.testing.assert_close(starts[0], torch.full((3,), 0.5))
    assert len(warnings) == 1
    assert "anew" in warnings[0]


def test_a_resumed_run_starts_anew_from_where_the_first_one_began() -> None:
    kept: list[Snapshot] = []
    quiet = recipe(guidance={"stop_threshold": 0.0})
    optimise(Swatch(), OneColour(), quiet, lambda step: None, lambda: None, lambda said: None, kept.append)
    late = next(snapshot for snapshot in kept if snapshot.step >= 20)
    starts = []

    class Watched(Swatch):
        def restore(self, state: dict[str, Tensor]) -> None:
            starts.append(state["colour"])
            super().restore(state)

    vanishing = Watched(unseen_steps=range(late.step + 5, late.step + 5 + STEPS_UNSEEN))
    warnings: list[str] = []
    optimise(vanishing, OneColour(), quiet, lambda step: None, lambda: None, warnings.append, start=late)
    assert len(warnings) == 1
    assert "anew" in warnings[0]
    resumed, anew = starts
    assert torch.equal(resumed, late.tensors["subject.colour"])
    torch.testing.assert_close(anew, torch.full((3,), 0.5))


def test_a_few_steps_out_of_sight_are_no_reason_to_start_anew() -> None:
    _, warnings = run(Swatch(unseen_steps=range(10, 10 + STEPS_UNSEEN - 1)), recipe())
    assert warnings == []


def test_what_vanishes_twice_fails_by_name() -> None:
    with pytest.raises(JobFailed) as failure:
        run(Swatch(unseen_steps=range(10_000)), recipe(steps=1000))
    assert failure.value.code == "nothing-formed"
    assert failure.value.hint


def test_an_empty_radiance_field_gets_its_blob_back() -> None:
    shape = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)
    subject = RadianceSubject(
        CameraLaw(), 1, 16, torch.Generator().manual_seed(0), plan=FieldPlan(shape=shape, samples=8)
    )
    prior = OneColour()
    emptied_at = 60

    def empty(step: Any) -> None:
        if step.number == emptied_at:
            with torch.no_grad():
                subject.field.decoder[2].bias[0] -= 60.0
                subject.occupancy.refresh(subject.field.density, torch.Generator().manual_seed(0))

    warnings: list[str] = []
    asked = recipe(kind="mesh", steps=emptied_at + STEPS_UNSEEN + 1, guidance={"stop_threshold": 0.0})
    optimise(subject, prior, asked, empty, lambda: None, warnings.append)
    assert len(warnings) == 1
    assert "anew" in warnings[0]
    exposure = subject.expose(0, 1.0, torch.Generator().manual_seed(1))
    assert exposure.visible > 0.02
    assert subject.occupancy.share > 0.01


class Hungry(Swatch):
    """Needs more memory than there is, until it looks at half."""

    def __init__(self, halvings: int) -> None:
        super().__init__()
        self.halvings = halvings
        self.asked = 0

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        if step == 30 and self.asked < self.halvings:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().expose(step, progress, generator)

    def lighten(self) -> str | None:
        self.asked += 1
        return "half of it is looked at"


def test_without_enough_memory_the_step_is_tried_again_with_half_and_said() -> None:
    subject = Hungry(halvings=1)
    outcome, warnings = run(subject, recipe(guidance={"stop_threshold": 0.0}))
    assert (outcome.steps, subject.asked) == (120, 1)
    assert warnings == ["Memory ran out at step 31; half of it is looked at from here on."]


def test_without_memory_for_half_it_fails_by_name() -> None:
    with pytest.raises(JobFailed) as failure:
        run(Hungry(halvings=2), recipe())
    assert failure.value.code == "out-of-memory"
    assert "2.00 GiB" in failure.value.message


def test_a_radiance_field_halves_its_views_first_and_then_its_pixels() -> None:
    shape = HashGridShape(levels=2, log2_table=8, coarsest=4, finest=8)
    subject = RadianceSubject(
        CameraLaw(), 4, 64, torch.Generator().manual_seed(0), plan=FieldPlan(shape=shape, samples=4)
    )
    sizes = []
    while (said := subject.lighten()) is not None:
        image = subject.expose(0, 1.0, torch.Generator().manual_seed(0)).image
        sizes.append((len(image), image.shape[-1]))
        assert said
    assert sizes == [(2, 64), (1, 64), (1, 32)]
