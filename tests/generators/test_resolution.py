"""A field is rendered no larger than what has formed deserves, and a large picture needs no more memory."""

import torch

from server.generators.radiance_field import rendering
from server.generators.radiance_field.field import RadianceField
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.occupancy import OccupancyGrid
from server.generators.radiance_field.resolution import side_at
from server.world.views import Views
from tests.closeness import assert_close_to_rounding


def test_a_small_picture_begins_at_half() -> None:
    assert [side_at(progress, 64, 0.1) for progress in (0.0, 0.39, 0.4, 1.0)] == [32, 32, 64, 64]


def test_a_large_picture_grows_through_64_and_256() -> None:
    assert [side_at(progress, 512, 0.1) for progress in (0.0, 0.5, 0.8)] == [64, 256, 512]
    assert [side_at(progress, 256, 0.1) for progress in (0.0, 0.5, 0.8)] == [64, 256, 256]


def test_a_cloud_stays_small_whatever_the_time() -> None:
    assert side_at(0.9, 512, 0.6) == 64
    assert side_at(0.9, 512, 0.3) == 256


def test_rendering_in_parts_changes_neither_the_picture_nor_the_gradient(monkeypatch) -> None:
    shape = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)
    pictures, gradients = [], []
    for most in (10**9, 16 * 100):
        monkeypatch.setattr(rendering, "MOST_POINTS", most)
        field = RadianceField(shape, torch.Generator().manual_seed(3))
        view = Views.orbit([0.0, 90.0])
        made = rendering.render(field, OccupancyGrid(), view, 16, 16, torch.Generator().manual_seed(1))
        (made.image.square().sum() + made.opacity.sum()).backward()
        pictures.append(made.image.detach())
        gradients.append(field.grid.table.grad)
    assert_close_to_rounding(*pictures)
    assert_close_to_rounding(*gradients)
    assert gradients[0].abs().max() > 0
