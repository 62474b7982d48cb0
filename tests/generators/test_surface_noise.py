"""Noise on the surface of a field and on the screens around it: what cameras see of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.plan import FieldPlan
from server.generators.radiance_field.rendering import Rendering, render
from server.generators.radiance_field.subject import RadianceSubject
from server.generators.radiance_field.surface_noise import DIRECTIONS, SurfaceNoise, nearest_direction
from server.generators.subject import NoiseLaws
from server.priors.catalogue import load_prior
from server.recipe import read_recipe
from server.studio.production import produce
from server.world.camera_law import CameraLaw
from server.world.views import Views

TINY = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)
LAW = CameraLaw()
# A degree, a few and many away from the first.
CAMERAS = Views.orbit([25.0, 26.0, 28.0, 205.0])
SHAPE = torch.Size((4, 12, 16, 16))
FIELDS = ("azimuth", "elevation", "distance", "fov")
MIDDLE = (..., slice(6, 10), slice(6, 10))


class Solid(RadianceField):
    """A ball or a cube that nothing shines through."""

    def __init__(self, kind: str) -> None:
        super().__init__(TINY, torch.Generator().manual_seed(0))
        self._kind = kind

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        far = points.norm(dim=-1) if self._kind == "ball" else points.abs().amax(-1) * 1.2
        return (far < 0.6) * math.exp(7), torch.full((len(points), 3), 0.5)


def seen(kind: str, views: Views, size: int = 64, jitter: int = 0) -> Rendering:
    return render(Solid(kind), OccupancyGrid(), views, size, 48, torch.Generator().manual_seed(jitter))


def laws(seed: int, views: Views, rendering: Rendering) -> NoiseLaws:
    return SurfaceNoise(LAW, seed).laws(views, rendering.opacity, rendering.distance)


def agreement(one: Tensor, other: Tensor) -> float:
    return float((one * other).mean() / (one.square().mean() * other.square().mean()).sqrt())


@pytest.fixture(scope="module")
def ball() -> Rendering:
    return seen("ball", CAMERAS)


@pytest.fixture(scope="module")
def many(ball: Rendering) -> Tensor:
    """[seeds, B, C, h, w]"""
    return torch.stack([laws(seed, CAMERAS, ball).attached(0, SHAPE) for seed in range(30)])


def test_every_cell_is_standard_normal_on_the_surface_at_its_rim_and_beside_it(many: Tensor) -> None:
    # 30 seeds and 12 channels: 360 draws a cell.
    mean, variance = many.mean((0, 2)), many.square().mean((0, 2))
    assert mean.abs().max() < 5.0 * 360**-0.5
    assert (variance - 1).abs().max() < 5.0 * (2 / 360) ** 0.5
    assert variance.mean() == pytest.approx(1.0, abs=0.01)


def test_neighbouring_cells_have_next_to_nothing_in_common(many: Tensor) -> None:
    assert abs(float((many[..., 1:] * many[..., :-1]).mean())) < 0.06
    assert abs(float((many[..., 1:, :] * many[..., :-1, :]).mean())) < 0.06
    assert abs(float((many[..., 2:] * many[..., :-2]).mean())) < 0.01


@pytest.mark.parametrize("kind", ["ball", "cube"])
def test_cameras_beside_each_other_see_the_same_noise_at_the_same_place(kind: str) -> None:
    rendering = seen(kind, CAMERAS)
    draws = torch.stack([laws(seed, CAMERAS, rendering).attached(0, SHAPE)[MIDDLE] for seed in range(4)])
    first, near, farther, behind = draws.unbind(1)
    assert agreement(first, near) > 0.7
    assert agreement(first, near) > agreement(first, farther) > 0.4
    assert abs(agreement(first, behind)) < 0.1


def test_noise_moves_over_the_screen_with_the_surface() -> None:
    # A turn by which the front of the ball moves by one cell, 0.1 of the ball's radius.
    cell = 2 * 2.4 * math.tan(math.radians(20)) / 16
    turned = Views.orbit([0.0, math.degrees(cell / 0.6)], elevation_deg=0.0)
    draws = [
        laws(seed, turned, seen("ball", turned)).attached(0, torch.Size((2, 12, 16, 16))).unbind(0) for seed in range(4)
    ]
    first, second = (torch.stack(part) for part in zip(*draws, strict=True))
    # The camera goes to its right, the surface to the left.
    assert agreement(first[..., 7:9, 7:9], second[..., 7:9, 6:8]) > 0.5
    assert abs(agreement(first[..., 7:9, 7:9], second[..., 7:9, 7:9])) < 0.25


def test_the_surface_seen_again_through_other_samples_has_the_same_noise() -> None:
    one, other = (laws(0, CAMERAS, seen("cube", CAMERAS, jitter=j)).attached(0, SHAPE)[MIDDLE] for j in range(2))
    assert agreement(one, other) > 0.7


def test_a_rendering_that_grows_keeps_the_noise() -> None:
    small, large = (laws(0, CAMERAS, seen("ball", CAMERAS, size)).attached(0, SHAPE)[MIDDLE] for size in (32, 64))
    assert agreement(small, large) > 0.6


def test_noise_of_a_view_stays_on_its_screen(ball: Rendering) -> None:
    noise = laws(3, CAMERAS, ball).view(0, SHAPE)
    other_thing = laws(3, CAMERAS, seen("cube", CAMERAS)).view(0, SHAPE)
    assert torch.equal(noise, other_thing)
    assert torch.equal(noise[0], noise[1])
    assert abs(agreement(noise[0], noise[3])) < 0.1


def test_noise_of_a_view_does_not_follow_the_surface_to_another_direction() -> None:
    generator = torch.Generator().manual_seed(0)
    azimuth = torch.rand(200, generator=generator) * 2 * math.pi
    near = azimuth + math.radians(3)
    ones = torch.ones(200)
    level = torch.zeros(200)
    here, there = (Views(angle, level, 3 * ones, ones * math.radians(LAW.fov)) for angle in (azimuth, near))
    crossing = int((nearest_direction(here) != nearest_direction(there)).nonzero()[0])
    across = Views(*(torch.stack([getattr(v, n)[crossing] for v in (here, there)]) for n in FIELDS))
    found = laws(0, across, seen("ball", across))
    shape = torch.Size((2, 12, 16, 16))
    of_view, attached = found.view(0, shape), found.attached(0, shape)
    assert abs(agreement(of_view[0], of_view[1])) < 0.1
    assert agreement(attached[0][MIDDLE], attached[1][MIDDLE]) > 0.4


def test_beside_the_surface_is_the_noise_of_the_screen_whatever_the_surface(ball: Rendering) -> None:
    small = laws(3, CAMERAS, ball)
    beside, screen = small.attached(0, SHAPE), small.view(0, SHAPE)
    for corner in ((..., slice(0, 2), slice(0, 2)), (..., slice(14, 16), slice(14, 16))):
        torch.testing.assert_close(beside[corner], screen[corner])
    assert abs(agreement(beside[MIDDLE], screen[MIDDLE])) < 0.1


def test_a_field_that_has_vanished_shows_the_noise_of_the_screen(ball: Rendering) -> None:
    nothing = torch.zeros_like(ball.opacity)
    found = SurfaceNoise(LAW, 3).laws(CAMERAS, nothing, nothing)
    torch.testing.assert_close(found.attached(0, SHAPE), found.view(0, SHAPE))


@pytest.mark.parametrize("law", ["attached", "view"])
def test_a_seed_and_a_number_name_a_field(law: str, ball: Rendering) -> None:
    def field(seed: int, number: int) -> Tensor:
        noise: Tensor = getattr(laws(seed, CAMERAS, ball), law)(number, SHAPE)[:1]
        return noise

    assert torch.equal(field(5, 1), field(5, 1))
    # Seeds that a generator of torch would take for one another, too.
    for seed, number in ((5, 0), (6, 1), (5 + 2**32, 1), (1, 5)):
        assert abs(agreement(field(5, 1), field(seed, number))) < 0.1


@pytest.mark.parametrize("cells", [64, 16, 24, 96, 128])
def test_latents_of_any_side_have_unit_variance(cells: int, ball: Rendering) -> None:
    """As many cells as pixels, fewer or more."""
    one = Views.orbit([25.0])
    shape = torch.Size((1, 4, cells, cells))
    noise = SurfaceNoise(LAW, 0).laws(one, ball.opacity[:1], ball.distance[:1]).attached(0, shape)
    assert noise.shape == shape
    assert noise.square().mean() == pytest.approx(1.0, abs=5 * (2 / noise.numel()) ** 0.5)
    assert abs(float((noise[..., 1:] * noise[..., :-1]).mean())) < 0.1


def test_the_distance_is_to_the_surface_and_its_noise_has_no_gradient() -> None:
    front = Views.orbit([0.0], elevation_deg=0.0)
    rendering = seen("ball", front)
    # The middle of the picture; a sample inside absorbs all, and is up to a step of 2 / 48 deep.
    middle = rendering.distance[0, 31:33, 31:33]
    assert ((middle > 2.39) & (middle < 2.41 + 2 / 48)).all()
    field = RadianceField(TINY, torch.Generator().manual_seed(0))
    found = render(field, OccupancyGrid(), front, 16, 16)
    assert found.distance.requires_grad
    noise = SurfaceNoise(LAW, 0).laws(front, found.opacity, found.distance)
    assert not noise.attached(0, torch.Size((1, 4, 8, 8))).requires_grad


def test_directions_are_spread_evenly() -> None:
    generator = torch.Generator().manual_seed(0)
    azimuth = torch.rand(40_000, generator=generator) * 2 * math.pi
    elevation = torch.asin(2 * torch.rand(40_000, generator=generator) - 1)
    ones = torch.ones_like(azimuth)
    share = nearest_direction(Views(azimuth, elevation, 3 * ones, ones)).bincount(minlength=DIRECTIONS) / 40_000
    assert len(share) == DIRECTIONS
    assert (share * DIRECTIONS).min() > 0.6
    assert (share * DIRECTIONS).max() < 1.4


def test_an_exposure_carries_the_noise_of_the_subjects_seed() -> None:
    def noise(seed: int) -> Tensor:
        plan = FieldPlan(shape=TINY, samples=8)
        subject = RadianceSubject(LAW, 2, 16, torch.Generator().manual_seed(0), plan=plan, seed=seed)
        own = subject.expose(0, 0.0, torch.Generator().manual_seed(1)).noise
        assert own is not None
        return own.attached(0, torch.Size((2, 12, 16, 16)))

    assert torch.equal(noise(1), noise(1))
    assert abs(agreement(noise(1), noise(2))) < 0.1


def test_each_noise_makes_another_mesh(tmp_path: Path) -> None:
    prior = load_prior("exact", "cpu")
    positions = {}
    for noise in (None, "fresh", "attached", "view"):
        folder = tmp_path / str(noise)
        recipe = read_recipe(
            {
                "kind": "mesh",
                "prompt": "a yellow duck",
                "steps": 6,
                "render_size": 16,
                "guidance": {"noise": noise, "estimator": "noised"},
                "mesh": {"resolution": 24, "faces": 300, "texture_size": 0},
            }
        )
        produce(recipe, prior, folder, lambda event: None, lambda: None)
        assert json.loads((folder / "report.json").read_text("utf-8"))["steps"] == 6
        positions[noise] = np.load(folder / "mesh.npz")["position"]
    assert np.array_equal(positions[None], positions["fresh"])
    for one, other in (("fresh", "attached"), ("fresh", "view"), ("attached", "view")):
        assert not np.array_equal(positions[one], positions[other])
