"""What keeps walls even: it counts how surfaces bend, not how they lean, and no corner for more than a corner."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from server.generators.radiance_field.bending import SHARP, bending, relief
from server.world.views import Views

SIZE = 32
ALL = torch.ones(1, SIZE, SIZE)


def distance_to_plane(views: Views, normal: list[float], size: int = SIZE) -> Tensor:
    """[B, S, S] from the camera to the plane through the middle of the ball with this normal."""
    eye, directions = views.rays(size)
    towards = torch.nn.functional.normalize(torch.tensor(normal), dim=0)
    return -(eye @ towards)[:, None, None] / (directions @ towards)


def distance_to_ball(views: Views, radius: float, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """[B, S, S] from the camera to a ball, and its opacity."""
    eye, directions = views.rays(size)
    along = (eye[:, None, None] * directions).sum(-1)
    under = along.square() - eye.square().sum(-1)[:, None, None] + radius**2
    return torch.where(under > 0, -along - under.clamp(min=0).sqrt(), 0.0), (under > 0).float()


@pytest.mark.parametrize("normal", [[1.0, 0.0, 0.0], [1.0, 0.7, 0.0], [0.5, 0.3, 0.9]])
@pytest.mark.parametrize("view", [Views.orbit([0.0], 20.0), Views.orbit([15.0], 40.0, 2.5, 55.0)])
def test_a_plane_costs_nothing_however_it_leans(normal: list[float], view: Views) -> None:
    heights = relief(distance_to_plane(view, normal), view)
    assert float(bending(heights, ALL)) < 1e-4


@pytest.mark.parametrize("slope", [0.25, 0.5])
def test_heights_are_slopes_in_the_middle_of_the_object(slope: float) -> None:
    view = Views.orbit([0.0], 0.0)
    heights = relief(distance_to_plane(view, [1.0, slope, 0.0]), view)[0]
    middle = (heights[SIZE // 2, SIZE // 2] - heights[SIZE // 2, SIZE // 2 - 1]).abs()
    assert float(middle) == pytest.approx(slope, rel=0.05)


def test_a_dent_in_a_wall_costs_more_than_the_wall() -> None:
    view = Views.orbit([0.0], 0.0)
    wall = distance_to_plane(view, [1.0, 0.0, 0.0])
    dented = wall.clone()
    dented[0, 12:18, 12:18] += 0.03
    even, uneven = (float(bending(relief(each, view), ALL)) for each in (wall, dented))
    assert uneven > even + 0.005


def test_a_ball_costs_by_its_curvature_which_a_finer_picture_sees_less_of_in_each_pixel() -> None:
    view = Views.orbit([0.0], 0.0)
    small, large = (distance_to_ball(view, radius) for radius in (0.3, 0.8))
    per_pixel = [float(bending(relief(where, view), shown) / shown.mean()) for where, shown in (small, large)]
    assert per_pixel[0] > per_pixel[1] > 0
    where, shown = distance_to_ball(view, 0.8, 2 * SIZE)
    assert float(bending(relief(where, view), shown) / shown.mean()) < per_pixel[1]


def test_a_step_costs_the_same_however_high_it_is() -> None:
    heights = torch.zeros(1, SIZE, SIZE)
    costs = []
    for height in (5.0, 50.0):
        heights[:, :, SIZE // 2 :] = height
        costs.append(float(bending(heights, ALL)))
    assert costs[1] == pytest.approx(costs[0], rel=0.01)
    # Two pixels of every row see it.
    assert costs[1] == pytest.approx(2 * SHARP / SIZE, rel=1e-3)


def test_where_nothing_solid_is_nothing_counts_and_no_number_breaks() -> None:
    view = Views.orbit([0.0], 0.0)
    distance = torch.zeros(1, SIZE, SIZE, requires_grad=True)
    cost = bending(relief(distance, view), 0.5 * ALL)
    cost.backward()  # type: ignore[no-untyped-call]
    assert float(cost.detach()) == 0
    assert distance.grad is not None
    assert bool(distance.grad.isfinite().all())


def test_its_gradient_fills_a_dent_and_leaves_the_opacity_alone() -> None:
    view = Views.orbit([0.0], 0.0)
    distance = distance_to_plane(view, [1.0, 0.0, 0.0])
    distance[0, 16, 16] += 0.01
    distance.requires_grad_()
    opacity = ALL.clone().requires_grad_()
    bending(relief(distance, view), opacity).backward()  # type: ignore[no-untyped-call]
    assert distance.grad is not None
    assert opacity.grad is None
    # Nearer to the camera costs less there, and nowhere else does it matter as much.
    assert float(distance.grad[0, 16, 16]) > 0
    assert int(distance.grad[0].abs().argmax()) == 16 * SIZE + 16
    assert math.isclose(float(distance.grad[0, 4, 4]), 0.0, abs_tol=1e-4)
