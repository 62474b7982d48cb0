"""A picture takes the colours of an image that it begins as."""

from __future__ import annotations

import torch

from server.generators.grain import recoloured, recolouring
from server.generators.original import Original, fit
from server.generators.picture import Picture


def picture(periodic: tuple[bool, bool] = (True, True), extent: tuple[float, float] = (1.0, 1.0)) -> Picture:
    return Picture(extent, periodic, torch.Generator().manual_seed(0), finest=16)


def stripes(height: int = 64, width: int = 64) -> torch.Tensor:
    across = 0.5 + 0.4 * torch.sin(torch.arange(width) / width * 2 * torch.pi)
    return torch.stack([across, 1 - across, 0.5 * across]).unsqueeze(1).expand(3, height, width)


def test_a_picture_that_is_fitted_shows_the_image() -> None:
    made = picture()
    image = stripes()
    fit(made, Original(image, made), torch.Generator().manual_seed(1))
    assert (made.paint(64, 64) - image).abs().mean() < 0.02


def test_an_image_is_read_round_the_edges_that_repeat_and_held_at_the_others() -> None:
    made = picture((True, False))
    original = Original(stripes(), made)
    here = torch.tensor([[0.999, 0.5], [0.3, 0.2]])
    torch.testing.assert_close(original.read(here), original.read(here + torch.tensor([1.0, 0.0])))
    below, edge = original.read(torch.tensor([[0.3, 1.7], [0.3, 1.0]]))
    torch.testing.assert_close(below, edge)
    left, right = original.read(torch.tensor([[0.001, 0.5], [0.999, 0.5]]))
    assert (left - right).abs().max() < 0.05


def test_detail_takes_the_colours_that_its_pattern_took() -> None:
    before = torch.zeros(3, 32, 32)
    before[0] = 0.5 + 0.4 * torch.sin(torch.arange(32) / 4)  # red
    after = before.flip(0)  # which became blue
    matrix = recolouring(before, after, 0.0, (True, True))
    found = recoloured(torch.stack([torch.ones(64, 64), torch.zeros(64, 64), torch.zeros(64, 64)]), matrix)
    assert found[2].mean() > 0.8
    assert found[0].mean() < 0.2


def test_detail_stays_where_nothing_changed_and_goes_where_another_pattern_is() -> None:
    generator = torch.Generator().manual_seed(0)
    before, other = (torch.rand(3, 32, 32, generator=generator) for _ in range(2))
    grain = torch.ones(3, 32, 32)
    same = recoloured(grain, recolouring(before, before, 0.0, (True, True)))
    torch.testing.assert_close(same, grain, atol=0.02, rtol=0)
    assert recoloured(grain, recolouring(before, other, 0.0, (True, True))).abs().mean() < 0.5
