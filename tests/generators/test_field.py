"""What a solid's density is, and that its surface is softened by the plan and remembered with the field."""

from __future__ import annotations

import pytest
import torch

from server.generators.radiance_field.field import BALL_RADIUS, RadianceField, solid_density
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.plan import PAINTED, FieldPlan
from server.generators.radiance_field.subject import RadianceSubject
from server.priors.card import CameraLaw

TINY = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)


def solid(softness: float) -> RadianceField:
    return RadianceField(TINY, torch.Generator().manual_seed(3), softness=softness)


def test_density_is_half_on_the_surface_full_inside_and_falls_by_e_with_every_softness() -> None:
    softness = torch.tensor(0.1)
    height = torch.tensor([-5.0, -0.1, 0.0, 0.1, 0.2])
    tail = 0.5 * torch.tensor([-1.0, -1.0, -2.0]).exp()
    expected = 10 * torch.stack([torch.tensor(1.0), 1 - tail[0], torch.tensor(0.5), tail[1], tail[2]])
    torch.testing.assert_close(solid_density(height, softness), expected)


def test_its_gradient_is_that_of_differences_on_both_sides_and_finite_far_away() -> None:
    height = torch.tensor([-0.3, -0.05, 0.0, 0.05, 0.3], dtype=torch.float64, requires_grad=True)
    softness = torch.tensor(0.1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda h: solid_density(h, softness), (height[[0, 1, 3, 4]],))
    far = torch.tensor([-1e3, 1e3], requires_grad=True)
    solid_density(far, torch.tensor(0.02)).sum().backward()
    assert torch.isfinite(far.grad).all()


def test_a_solid_starts_as_a_ball_and_ends_at_the_unit_ball() -> None:
    field = solid(0.02)
    along = torch.tensor([0.0, BALL_RADIUS - 0.2, BALL_RADIUS + 0.2, 1.01])
    density = field.density(along[:, None] * torch.tensor([[0.6, 0.0, 0.8]]))
    assert density[:2].min() > 0.99 / 0.02
    assert density[2] < 0.5
    assert density[3] == 0


def test_the_plan_hardens_the_surface_and_a_snapshot_remembers_how_far() -> None:
    plan = FieldPlan(shape=TINY, samples=8, softness=(0.1, 0.02))
    subject, other = (
        RadianceSubject(CameraLaw(), 1, 16, torch.Generator().manual_seed(0), plan=plan) for _ in range(2)
    )
    seen = []
    for progress in (0.0, 0.5, 1.0):
        subject.expose(0, progress, torch.Generator().manual_seed(1))
        seen.append(float(subject.field.density(torch.zeros(1, 3))))
    assert seen == pytest.approx([10, 1 / (0.1 * 0.02) ** 0.5, 50], rel=0.05)
    other.restore(subject.state())
    assert float(other.field.density(torch.zeros(1, 3))) == seen[-1]


def test_objects_of_painted_light_are_solids_and_those_of_photographs_fog() -> None:
    assert PAINTED.softness_at(0.0) == pytest.approx(0.1)
    assert PAINTED.softness_at(1.0) == pytest.approx(0.02)
    assert FieldPlan().softness_at(0.5) is None
