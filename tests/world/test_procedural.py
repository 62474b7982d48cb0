import math

import pytest
import torch
from torch.nn import functional

from server.world import patterns
from server.world.bank import LazyBank, in_view, render_layers, spread_views
from server.world.camera_law import CameraLaw
from server.world.captions import KINDS, PATTERNS, Caption
from server.world.gbuffers import render_gbuffer, surface_normals, trace
from server.world.shading import palette, shade, to_layers
from server.world.shapes import SHAPES, Material, bounding_box, materials_of, signed_distance
from server.world.views import Views
from tests.closeness import assert_close_to_rounding

EVERY_KIND = pytest.mark.parametrize("kind", SHAPES)


def points_in_ball(count: int, radius: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    points = functional.normalize(torch.randn(count, 3, generator=generator), dim=-1)
    return points * radius * torch.rand(count, 1, generator=generator) ** (1 / 3)


def test_every_kind_of_the_vocabulary_has_a_shape_and_every_pattern_a_field() -> None:
    assert list(SHAPES) == list(KINDS)
    assert list(patterns.FIELDS) == list(PATTERNS)


@EVERY_KIND
def test_an_object_lies_inside_the_unit_ball(kind: str) -> None:
    beyond = functional.normalize(points_in_ball(20_000, 1.0), dim=-1)
    assert signed_distance(kind, beyond).min() > 0
    assert signed_distance(kind, points_in_ball(20_000, 1.0)).min() < -0.03


@EVERY_KIND
def test_a_distance_never_promises_more_room_than_there_is(kind: str) -> None:
    points = points_in_ball(4000, 1.0).requires_grad_()
    (gradient,) = torch.autograd.grad(signed_distance(kind, points).sum(), points)
    slope = gradient.norm(dim=-1)
    outside = signed_distance(kind, points) > 0
    assert slope[outside].quantile(0.999) < 1.1
    assert slope[outside].median() > 0.8


@EVERY_KIND
def test_an_object_fits_its_bounding_box(kind: str) -> None:
    low, high = (torch.tensor(corner) for corner in bounding_box(kind))
    points = points_in_ball(40_000, 1.0)
    inside = points[signed_distance(kind, points) < 0]
    assert (inside > low).all()
    assert (inside < high).all()


@EVERY_KIND
def test_two_by_two_samples_at_edges_alone_match_a_dense_picture(kind: str) -> None:
    views = Views.orbit([25.0, 200.0], elevation_deg=30.0)
    thrifty = to_layers(render_gbuffer(kind, views, 32), materials_of(kind))
    eye, directions = views.rays(32, samples=6)
    origins = eye[:, None, None].expand_as(directions)
    _, material = trace(kind, origins.reshape(-1, 3), directions.reshape(-1, 3))
    solid = (material != Material.BACKGROUND).float().view(2, 1, 192, 192)
    dense = functional.avg_pool2d(solid, 6)
    coverage = thrifty.cover.float().sum(1, keepdim=True) / 255
    assert (coverage - dense).abs().mean() < 0.012
    assert (coverage.mean() / dense.mean() - 1).abs() < 0.02


def test_rays_land_on_the_surface_with_its_normal() -> None:
    views = Views.orbit([40.0])
    eye, directions = views.rays(48)
    origins = eye[:, None, None].expand_as(directions).reshape(-1, 3)
    normal, material = trace("ball", origins, directions.reshape(-1, 3))
    # The same rays against the sphere's equation.
    toward = (origins * directions.reshape(-1, 3)).sum(-1)
    below = toward**2 - (origins**2).sum(-1) + 0.74**2
    hit = below > 0
    assert ((material != 0) == hit).float().mean() > 0.99
    both = hit & (material != 0)
    at = origins + (-toward - below.clamp_min(0).sqrt())[:, None] * directions.reshape(-1, 3)
    cosine = (functional.normalize(at, dim=-1)[both] * normal[both]).sum(-1)
    assert cosine.quantile(0.01) > 0.995


@EVERY_KIND
def test_normals_are_the_gradient_of_the_distance(kind: str) -> None:
    points = points_in_ball(3000, 0.95)
    near = points[signed_distance(kind, points).abs() < 0.05].double().requires_grad_()
    (gradient,) = torch.autograd.grad(signed_distance(kind, near).sum(), near)
    cosine = (functional.normalize(gradient, dim=-1) * surface_normals(kind, near.detach())).sum(-1)
    assert cosine.quantile(0.1) > 0.98


def picture(kind: str, views: Views, colour: str, second: str | None = None, size: int = 32) -> torch.Tensor:
    layers = render_layers(kind, views, size)
    caption = Caption("mesh", kind, colour, second)
    return shade(layers, palette(caption, layers.materials), torch.tensor([0.5, 0.5, 0.5]))


def test_the_front_faces_plus_x_and_the_handle_is_on_the_right() -> None:
    front, back = picture("mug", Views.orbit([0.0, 180.0]), "white", "red")
    redness = (front - back)[0] - (front - back)[1]
    assert redness[:, 16:].sum() > 5
    assert redness[:, :16].sum() < -5


def test_a_duck_shows_its_beak_from_the_front_and_not_from_behind() -> None:
    front, back = render_layers("duck", Views.orbit([0.0, 180.0]), 32).cover.float().mean((2, 3))
    beak = materials_of("duck").index(Material.SECOND)
    assert front[beak] > 2
    assert back[beak] == 0


def test_the_light_stands_still_in_the_world() -> None:
    layers = render_layers("ball", Views.orbit([0.0, 90.0, 180.0, 270.0], elevation_deg=0.0), 32)
    shades = layers.lit.float().sum((1, 2, 3)) / layers.cover.float().sum((1, 2, 3))
    assert shades[0] > shades[2] + 0.1
    assert shades[1] > shades[3] + 0.05


def test_shading_keeps_the_named_colour() -> None:
    image = picture("ball", Views.orbit([30.0]), "green")[0]
    red, green, blue = image[:, 14:18, 14:18].mean((1, 2))
    assert green > 0.4
    assert green > 2 * red
    assert green > 2 * blue


def test_views_follow_the_camera_law() -> None:
    law = CameraLaw()
    views = spread_views(law, 2000)
    low, high = (math.radians(a) for a in law.elevation)
    assert low <= views.elevation.min()
    assert views.elevation.max() <= high
    assert law.distance[0] <= views.distance.min()
    assert views.distance.max() <= law.distance[1]
    counts = torch.histc(views.azimuth, 8, 0, 2 * math.pi)
    assert counts.min() > 230
    assert counts.max() < 270
    sides = torch.stack([in_view(views, side) for side in ("front", "side", "back", "overhead")])
    assert (sides.sum(0) == 1).all()
    assert (sides.sum(1) > 100).all()


def test_a_lazy_bank_gives_the_views_that_an_eager_one_would() -> None:
    views = spread_views(CameraLaw(), 12)
    bank = LazyBank("chair", views, 16)
    for wanted in (torch.tensor([7, 2]), torch.tensor([2, 11, 7])):
        picked = bank.pick(wanted)
        eager = render_layers("chair", views.pick(wanted), 16)
        assert_close_to_rounding(picked.cover, eager.cover)
        assert_close_to_rounding(picked.lit, eager.lit)


@pytest.mark.parametrize("name", patterns.FIELDS)
def test_windows_onto_a_surface_differ_and_show_both_colours(name: str) -> None:
    fields = patterns.random_fields(name, 12, torch.Generator().manual_seed(1), 32)
    assert fields.shape == (12, 32, 32)
    assert fields.min() >= 0
    assert fields.max() <= 1
    assert (fields.amax((1, 2)) > 0.6).all()
    assert (fields.amin((1, 2)) < 0.5).all()
    assert (fields[1:] - fields[:-1]).abs().mean((1, 2)).min() > 0.02


def test_windows_are_the_same_for_the_same_seed() -> None:
    first, second = (patterns.random_fields("bricks", 6, torch.Generator().manual_seed(3), 32) for _ in range(2))
    assert torch.equal(first, second)
