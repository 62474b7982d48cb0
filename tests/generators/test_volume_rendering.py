"""Volume rendering against closed forms, and the cameras it is seen through."""

import math

import pytest
import torch
from torch import Tensor

from server.generators.radiance_field.cameras import draw_views
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.rendering import render
from server.generators.radiance_field.subject import RadianceSubject
from server.world.camera_law import CameraLaw
from server.world.views import Views

TINY = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)


class EvenBall(RadianceField):
    """Constant density and colour inside the unit ball."""

    def __init__(self, density: float) -> None:
        super().__init__(TINY, torch.Generator().manual_seed(0))
        self._constant = density

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        inside = points.square().sum(-1) <= 1
        return inside * self._constant, torch.tensor([0.9, 0.5, 0.1]).expand(len(points), 3)


def views_over(colour: list[float]) -> Views:
    orbit = Views.orbit([0.0, 90.0])
    return Views(orbit.azimuth, orbit.elevation, orbit.distance, orbit.fov, torch.tensor([colour] * 2))


def test_opacity_of_an_even_ball_follows_beer_and_lambert() -> None:
    rendering = render(EvenBall(0.7), OccupancyGrid(), views_over([0.0, 0.0, 0.0]), size=33, samples=32)
    # The middle ray crosses the whole diameter of 2.
    assert rendering.opacity[0, 16, 16].item() == pytest.approx(1 - math.exp(-0.7 * 2), abs=1e-3)


def test_background_and_colour_mix_by_opacity() -> None:
    views = views_over([0.2, 0.4, 0.6])
    rendering = render(EvenBall(0.7), OccupancyGrid(), views, size=16, samples=16)
    opacity = rendering.opacity[:, None]
    colour = torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1)
    behind = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)
    torch.testing.assert_close(rendering.image, opacity * colour + (1 - opacity) * behind, atol=1e-5, rtol=0)
    assert rendering.opacity[0, 0, 0] == 0  # corner rays miss the ball


def test_skipping_empty_cells_does_not_change_the_image() -> None:
    field = RadianceField(TINY, torch.Generator().manual_seed(3))
    grid = OccupancyGrid()
    everywhere = render(field, grid, views_over([1.0, 1.0, 1.0]), size=24, samples=64)
    for step in range(3):
        grid.refresh(field.density, torch.Generator().manual_seed(step))
    assert grid.share < 0.8
    culled = render(field, grid, views_over([1.0, 1.0, 1.0]), size=24, samples=64)
    assert (everywhere.image - culled.image).abs().max() < 0.03


def test_samples_hidden_behind_something_opaque_are_not_evaluated_and_not_missed() -> None:
    class Counting(EvenBall):
        evaluated = 0

        def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
            self.evaluated += len(points)
            return super().forward(points)

    thin, solid = Counting(0.01), Counting(1000.0)
    views = views_over([0.0, 0.0, 0.0])
    render(thin, OccupancyGrid(), views, size=24, samples=48)
    rendering = render(solid, OccupancyGrid(), views, size=24, samples=48)
    assert solid.evaluated < thin.evaluated / 4
    hit = rendering.opacity > 0.5
    colour = rendering.image.permute(0, 2, 3, 1)[hit]
    torch.testing.assert_close(colour, torch.tensor([0.9, 0.5, 0.1]).expand_as(colour), atol=2e-3, rtol=0)


def test_an_empty_field_shows_the_background_and_still_has_gradients() -> None:
    field = RadianceField(TINY, torch.Generator().manual_seed(3))
    grid = OccupancyGrid()
    grid.cells[:] = False
    rendering = render(field, grid, views_over([0.3, 0.3, 0.3]), size=8, samples=8)
    torch.testing.assert_close(rendering.image, torch.full_like(rendering.image, 0.3))
    rendering.image.sum().backward()


def test_the_first_look_replaces_what_was_assumed() -> None:
    grid = OccupancyGrid()
    grid.refresh(lambda points: torch.zeros(len(points)), torch.Generator().manual_seed(0))
    assert grid.share == 0.0


def test_the_image_axes_are_right_and_up_seen_from_the_front() -> None:
    front = Views.orbit([0.0], elevation_deg=0.0)
    _, right, up, forward = front.frames()
    torch.testing.assert_close(right[0], torch.tensor([0.0, 1.0, 0.0]))
    torch.testing.assert_close(up[0], torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(forward[0], torch.tensor([-1.0, 0.0, 0.0]))
    eye, directions = front.rays(4)
    assert directions[0, 0, 0, 2] > 0  # the top row looks up
    assert directions[0, 0, 0, 1] < 0  # the left column looks to the left
    torch.testing.assert_close(eye[0], torch.tensor([3.0, 0.0, 0.0]))


def test_any_few_consecutive_views_go_round_the_object() -> None:
    generator = torch.Generator().manual_seed(0)
    azimuths = torch.cat([draw_views(CameraLaw(), 1, step, generator).azimuth for step in range(100, 116)])
    gaps = torch.diff(azimuths.sort().values)
    assert gaps.max() < math.radians(60)


def test_views_obey_the_law_of_the_prior() -> None:
    law = CameraLaw(fov=30.0, distance=(2.0, 2.5), elevation=(-5.0, 80.0), low_elevation=(0.0, 40.0))
    views = draw_views(law, 500, 0, torch.Generator().manual_seed(0))
    degrees = torch.rad2deg(views.elevation)
    assert degrees.min() >= -5.01
    assert degrees.max() <= 80.01
    assert ((degrees > 0) & (degrees < 40)).float().mean() > 0.6
    assert views.distance.min() >= 2.0
    assert views.distance.max() <= 2.5


def test_the_same_step_generator_gives_the_same_exposure() -> None:
    images = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(4)
        subject = RadianceSubject(CameraLaw(), 2, 16, generator, plan=FieldPlan(shape=TINY, samples=8))
        images.append(subject.expose(0, 0.0, torch.Generator().manual_seed(9)).image)
    torch.testing.assert_close(images[0], images[1], atol=0, rtol=0)


def test_a_wider_view_comes_nearer_so_that_the_object_fills_as_much_of_it() -> None:
    law = CameraLaw(fov=40.0, fov_spread=15.0, distance=(3.0, 3.0))
    views = draw_views(law, 400, 0, torch.Generator().manual_seed(0))
    degrees = torch.rad2deg(views.fov)
    assert 25 <= degrees.min() < 27
    assert 53 < degrees.max() <= 55
    # The angle under which the unit ball is seen, as a share of the field of view.
    filled = torch.asin(1 / views.distance) / views.fov
    assert filled.max() / filled.min() < 1.1
    assert (views.distance > 1.9).all()
