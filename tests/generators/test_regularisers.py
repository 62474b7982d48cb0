"""The regularisers of a radiance field: their ramps and their values."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from server.generators.radiance_field.field import Blob
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.rendering import Rendering, depth_variance
from server.generators.radiance_field.subject import RadianceSubject, penalty
from server.priors.photographic import REGULARISERS
from server.world.camera_law import CameraLaw
from server.world.regularisers import Ramp, Regularisers
from server.world.views import Views

NONE = Regularisers(opacity=Ramp(), entropy=Ramp())
FRONT = Views.orbit([0.0])


def rendering(opacity: float = 0.6) -> Rendering:
    one = torch.ones(())
    covered = torch.full((1, 4, 4), opacity)
    return Rendering(torch.zeros(1, 3, 4, 4), covered, 2 * one, 3 * one, 5 * one, 7 * one, covered)


def test_a_ramp_goes_straight_to_its_end_and_stays_there() -> None:
    ramp = Ramp(0.15, 0.0, 0.3)
    assert [ramp(p) for p in (0.0, 0.15, 0.3, 1.0)] == pytest.approx([0.15, 0.075, 0.0, 0.0])
    assert [Ramp.always(0.1)(p) for p in (0.0, 0.7)] == [0.1, 0.1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("opacity", 0.6),
        ("entropy", -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))),
        ("sparsity", math.sqrt(0.6**2 + 0.01)),
        ("distortion", 2.0),
        ("orientation", 3.0),
        ("depth", 5.0),
        ("z_variance", 7.0),
    ],
)
def test_each_counts_by_its_own_weight(name: str, value: float) -> None:
    weights = replace(NONE, **{name: Ramp(0.0, 0.5, 0.5)})
    assert float(penalty(rendering(), FRONT, 0.25, weights)) == pytest.approx(0.25 * value)
    assert float(penalty(rendering(), FRONT, 0.0, weights)) == 0
    assert float(penalty(rendering(), FRONT, 0.9, NONE)) == 0


@pytest.mark.parametrize("name", ["distortion", "z_variance", "orientation", "depth", "bending"])
def test_a_weight_of_its_plan_reaches_what_a_field_is_penalised_for(name: str) -> None:
    def penalised(weights: Regularisers) -> float:
        generator = torch.Generator().manual_seed(0)
        plan = FieldPlan(blob=Blob(4.0, 1.0), lit_from=0.0, lit=1.0, regularisers=weights)
        subject = RadianceSubject(CameraLaw(), 1, 16, generator, plan=plan)
        return float(subject.expose(0, 0.5, torch.Generator().manual_seed(1)).penalty.detach())

    assert penalised(NONE) == 0
    assert penalised(replace(NONE, **{name: Ramp.always(1.0)})) > 0


def test_the_published_weights_of_photographs() -> None:
    early, late = (float(penalty(rendering(), FRONT, progress, REGULARISERS)) for progress in (0.0, 0.3))
    assert early - late == pytest.approx(0.15 * math.sqrt(0.37), rel=1e-4)
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert late == pytest.approx(0.1 * entropy + 0.1 * 3 + 1.0 * 7, rel=1e-5)


def test_the_variance_of_depth_is_that_of_the_weights_along_each_ray() -> None:
    depth = torch.tensor([[1.0, 2.0, 4.0]]).expand(3, 3)
    weight = torch.tensor([[0.5, 0.0, 0.5], [0.0, 0.8, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(depth_variance(weight, depth), torch.tensor([1.5**2, 0.0, 0.0]))


def test_variance_of_depth_draws_two_walls_together() -> None:
    depth = torch.tensor([[1.0, 2.0]])
    weight = torch.tensor([[0.7, 0.3]], requires_grad=True)
    depth_variance(weight, depth).sum().backward()
    assert weight.grad is not None
    # The thinner one is further from the mean, so it is paid most for leaving.
    assert weight.grad[0, 1] > weight.grad[0, 0] > 0
