"""Normals, lamps, regularisers and the level schedule, each against what it must be on shapes one can work out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.plan import LIT, PAINTED, FieldPlan, plan_for
from server.generators.radiance_field.rendering import distortion, render
from server.generators.radiance_field.shading import AMBIENT, Lamps, draw_lamps, lambert, normals
from server.generators.radiance_field.subject import RadianceSubject
from server.priors.cards import usual_card
from server.priors.embedded.card import EMBEDDED_CARD
from server.studio.field_plan import field_plan
from server.world.camera_law import CameraLaw
from server.world.regularisers import Ramp, Regularisers
from server.world.views import Views
from tests.closeness import assert_close_to_rounding

TINY = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)
FRONT = Views.orbit([0.0], elevation_deg=0.0)


class Ball(RadianceField):
    """Radius .6, with a slope of density at its surface; red."""

    def __init__(self, sharpness: float = 60.0) -> None:
        super().__init__(TINY, torch.Generator().manual_seed(0))
        self._sharpness = sharpness

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        density = (self._sharpness * (0.6 - points.norm(dim=-1))).clamp(max=6).exp()
        return density, torch.tensor([1.0, 0.0, 0.0]).expand(len(points), 3)


class Slabs(RadianceField):
    """Thin fog before and behind the middle, seen from the front."""

    def __init__(self) -> None:
        super().__init__(TINY, torch.Generator().manual_seed(0))
        self.front, self.back = (torch.nn.Parameter(torch.tensor(0.05)) for _ in range(2))

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        x = points[:, 0]
        density = ((x - 0.3).abs() < 0.1) * self.front + ((x + 0.3).abs() < 0.1) * self.back
        return density, torch.tensor([1.0, 0.0, 0.0]).expand(len(points), 3)


def lamps_at(position: list[float], lit: float = 1.0, textureless: float = 0.0) -> Lamps:
    return Lamps(torch.tensor([position]), torch.tensor([lit]), torch.tensor([textureless]))


def test_normals_of_a_ball_point_away_from_its_middle() -> None:
    points = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(1)), dim=1) * 0.6
    torch.testing.assert_close(normals(Ball(), points), points / 0.6, atol=0.02, rtol=0)


def test_normals_have_gradients_in_the_field() -> None:
    field = RadianceField(TINY, torch.Generator().manual_seed(3))
    normals(field, torch.rand(20, 3, generator=torch.Generator().manual_seed(1)) - 0.5)[:, 0].sum().backward()
    assert field.grid.table.grad.abs().max() > 0


def test_lambert_is_brightest_towards_the_lamp_and_ambient_behind() -> None:
    albedo, up = torch.tensor([[0.5, 0.2, 0.1]] * 2), torch.tensor([[0.0, 0.0, 1.0]] * 2)
    towards = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    one, none = torch.ones(2), torch.zeros(2)
    torch.testing.assert_close(lambert(albedo, up, towards, one, none), albedo * torch.tensor([[1.0], [AMBIENT]]))
    torch.testing.assert_close(lambert(albedo, up, towards, one, one)[0], torch.ones(3))
    torch.testing.assert_close(lambert(albedo, up, towards, none, none), albedo)


def test_a_ball_lit_from_the_right_is_brighter_on_the_right() -> None:
    # Seen from +X, image right is +Y.
    albedo = render(Ball(), OccupancyGrid(), FRONT, 32, 96)
    lit = render(Ball(), OccupancyGrid(), FRONT, 32, 96, lamps=lamps_at([0.0, 2.0, 0.0]))
    red = lit.image[0, 0]
    assert red[16, 20] > red[16, 12] + 0.1
    assert red[16, 12].item() == pytest.approx(AMBIENT * albedo.image[0, 0, 16, 12].item(), abs=0.03)
    assert_close_to_rounding(lit.opacity, albedo.opacity)


def test_a_textureless_view_is_grey() -> None:
    shown = render(Ball(), OccupancyGrid(), FRONT, 32, 96, lamps=lamps_at([3.0, 0.0, 0.0], textureless=1.0))
    red, green, blue = shown.image[0, :, 16, 16]
    assert red == pytest.approx(green.item(), abs=1e-3)
    assert red == pytest.approx(blue.item(), abs=1e-3)
    assert red > 0.8


def test_normals_of_a_ball_face_the_camera_and_those_of_a_bowl_of_fog_do_not() -> None:
    class Hollow(Ball):
        def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
            # Denser with every step away from the middle: every normal of the near half faces inwards.
            density = 1.5 * torch.exp(3 * (points.norm(dim=-1) - 1))
            return density, torch.ones(len(points), 3)

    lamps = lamps_at([3.0, 0.0, 0.0])
    ball = render(Ball(), OccupancyGrid(), FRONT, 24, 96, lamps=lamps).orientation
    bowl = render(Hollow(), OccupancyGrid(), FRONT, 24, 96, lamps=lamps).orientation
    assert ball < 0.01
    assert bowl > 10 * ball


def test_distortion_is_the_published_double_sum() -> None:
    generator = torch.Generator().manual_seed(0)
    weight, step = torch.rand(4, 12, generator=generator), torch.full((4,), 0.1)
    depth = torch.rand(4, 12, generator=generator).cumsum(1)
    pairs = weight[:, :, None] * weight[:, None, :] * (depth[:, :, None] - depth[:, None, :]).abs()
    wanted = pairs.sum((1, 2)) + (weight.square() * 0.1).sum(1) / 3
    assert_close_to_rounding(distortion(weight, depth, step), wanted)


def test_a_solid_ball_is_less_spread_along_rays_than_fog() -> None:
    solid = render(Ball(), OccupancyGrid(), FRONT, 24, 64).distortion
    fog = render(Ball(sharpness=2.0), OccupancyGrid(), FRONT, 24, 64).distortion
    assert solid < 0.2 * fog


def test_spread_along_rays_is_left_out_where_nobody_asks_for_it_and_the_picture_is_the_same() -> None:
    whole = render(Ball(sharpness=2.0), OccupancyGrid(), FRONT, 24, 64)
    lean = render(Ball(sharpness=2.0), OccupancyGrid(), FRONT, 24, 64, spread=False)
    assert torch.equal(lean.image, whole.image)
    assert torch.equal(lean.distance, whole.distance)
    assert float(lean.distortion) == float(lean.z_variance) == 0
    assert float(whole.distortion) > 0 < float(whole.z_variance)


def test_depth_is_measured_from_where_a_ray_enters_the_ball() -> None:
    rendering = render(Ball(sharpness=400.0), OccupancyGrid(), FRONT, 48, 256)
    # Mean of sqrt(1 - b^2) - sqrt(.36 - b^2) over the disc b < .6.
    assert (rendering.depth / rendering.opacity.mean()).item() == pytest.approx(0.504, abs=0.03)


def test_less_depth_moves_matter_forward_and_keeps_the_opacity() -> None:
    fog = Slabs()
    rendering = render(fog, OccupancyGrid(), FRONT, 12, 32)
    rendering.depth.backward()
    assert fog.front.grad < 0 < fog.back.grad
    # In thin fog opacity is the sum of both.
    assert abs(fog.front.grad + fog.back.grad) < 0.1 * abs(fog.back.grad)


def test_lamps_stay_outside_the_ball_and_light_the_share_that_is_asked_for() -> None:
    views = Views.orbit([float(angle) for angle in range(0, 360)])
    lamps = draw_lamps(views, 0.5, 0.4, torch.Generator().manual_seed(0))
    assert (lamps.position.norm(dim=1) > 1).all()
    assert 0.4 < lamps.lit.mean() < 0.6
    assert 0.1 < lamps.textureless.mean() < 0.3
    assert (lamps.textureless <= lamps.lit).all()


def test_levels_come_in_one_by_one_and_smoothly() -> None:
    plan = FieldPlan(HashGridShape(levels=16), first_levels=8, levels_from=0.2, levels_until=0.6)
    assert [plan.levels_at(progress) for progress in (0.0, 0.2, 0.4, 0.6, 1.0)] == pytest.approx([8, 8, 12, 16, 16])
    steps = [plan.levels_at(i / 100) for i in range(101)]
    assert steps == sorted(steps)


def test_an_unseen_level_changes_nothing_and_settling_changes_nothing_either() -> None:
    field = RadianceField(TINY, torch.Generator().manual_seed(3))
    points = torch.rand(100, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    with torch.no_grad():
        field.grid.table.normal_(generator=torch.Generator().manual_seed(2))
        field.show_levels(1.5)
        before = field(points)
        field.grid.table[-50:] += 1.0  # of the third level
        for one, other in zip(before, field(points), strict=True):
            assert_close_to_rounding(other, one)
        field.settle()
        for one, other in zip(before, field(points), strict=True):
            assert_close_to_rounding(other, one)


def test_light_is_paint_only_where_the_prior_says_so() -> None:
    assert plan_for(fixed_light=True, device="cpu") == plan_for(fixed_light=True, device="cuda") == PAINTED
    assert plan_for(fixed_light=False, device="cuda") == LIT
    on_a_processor = plan_for(fixed_light=False, device="cpu")
    assert on_a_processor.lit == LIT.lit
    assert on_a_processor.shape == PAINTED.shape


def test_learning_rate_and_regularisers_are_the_cards() -> None:
    for card in (EMBEDDED_CARD, usual_card("/models/photographs")):
        for device in ("cpu", "cuda"):
            plan = field_plan(card, device)
            assert (plan.learning_rate, plan.regularisers) == (card.learning_rate, card.regularisers)
            assert plan.shape == plan_for(card.fixed_light, device).shape


def test_a_lit_field_is_optimised_through_all_its_regularisers() -> None:
    plan = FieldPlan(
        TINY,
        samples=16,
        first_levels=1,
        levels_until=0.5,
        lit_from=0.3,
        lit=1.0,
        regularisers=Regularisers(
            orientation=Ramp.always(0.1), distortion=Ramp.always(0.1), z_variance=Ramp.always(0.1)
        ),
    )
    subject = RadianceSubject(CameraLaw(), 2, 16, torch.Generator().manual_seed(0), plan=plan)
    exposure = subject.expose(8, 0.8, torch.Generator().manual_seed(1))
    without = RadianceSubject(CameraLaw(), 2, 16, torch.Generator().manual_seed(0), plan=FieldPlan(TINY, samples=16))
    plain = without.expose(8, 0.8, torch.Generator().manual_seed(1))
    assert exposure.penalty > plain.penalty
    assert not torch.allclose(exposure.image, plain.image)
    exposure.penalty.backward()
    assert torch.isfinite(subject.field.grid.table.grad).all()
    assert subject.field.grid.table.grad.abs().max() > 0
