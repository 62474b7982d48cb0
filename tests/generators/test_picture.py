"""A picture tiles where it promises to, and windows show what will be painted."""

import pytest
import torch

from server.generators.picture import Picture, PictureSubject, cut_where_ordinary, seam_ratio
from tests.closeness import assert_close_to_rounding


def picture(periodic: tuple[bool, bool], extent: tuple[float, float] = (2.0, 2.0)) -> Picture:
    made = Picture(extent, periodic, torch.Generator().manual_seed(0))
    with torch.no_grad():
        made.network[-1].weight.mul_(30)  # enough contrast for a seam to show
    return made


def test_a_periodic_axis_repeats_exactly_and_the_other_does_not() -> None:
    tiling = picture((True, False))
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        here = tiling(points)
        one_tile_right = tiling(points + torch.tensor([2.0, 0.0]))
        one_tile_down = tiling(points + torch.tensor([0.0, 2.0]))
    torch.testing.assert_close(here, one_tile_right, atol=1e-4, rtol=0)
    assert (here - one_tile_down).abs().max() > 0.05


def test_a_tile_of_odd_proportions_still_repeats() -> None:
    tiling = picture((True, True), extent=(3.5, 2.0))
    points = torch.rand(50, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(tiling(points), tiling(points + torch.tensor([3.5, -2.0])), atol=1e-4, rtol=0)


def test_seam_ratio_is_one_for_a_tiling_picture_and_large_for_a_cut_one() -> None:
    assert 0.7 < seam_ratio(picture((True, True)).paint(96, 96)) < 1.4
    cut = torch.linspace(0, 1, 96).expand(3, 96, 96)
    assert seam_ratio(cut) > 10


def test_painting_is_the_mean_of_the_network_over_each_pixel() -> None:
    made = picture((True, True), extent=(1.0, 1.0))
    coarse = made.paint(16, 16, samples=4)
    fine = made.paint(64, 64, samples=1)
    assert_close_to_rounding(coarse, torch.nn.functional.avg_pool2d(fine, 4))
    assert made.paint(40, 20).shape == (3, 20, 40)


def test_windows_of_a_picture_that_does_not_tile_stay_inside_it() -> None:
    made = picture((False, False), extent=(1.0, 1.0))
    subject = PictureSubject(made, windows_per_step=4, size=16)
    image = subject.expose(0, 0.0, torch.Generator().manual_seed(0)).image
    # With room for one window only, every window is the whole picture.
    torch.testing.assert_close(image.mean(0), made.paint(16, 16, samples=4), atol=0.1, rtol=0)


def test_a_tile_is_cut_where_its_steps_are_ordinary_and_only_along_axes_that_tile() -> None:
    bars = torch.zeros(3, 32, 64)
    bars[:, :, :8] = 1.0
    bars += 0.01 * torch.rand(3, 32, 64, generator=torch.Generator().manual_seed(0))
    assert seam_ratio(bars) > 3  # the cut lies on the edge of a bar
    moved = cut_where_ordinary(bars, (True, False))
    assert seam_ratio(moved) < seam_ratio(bars)
    assert torch.equal(moved.sort(2).values, bars.sort(2).values)  # rows only rolled along x
    assert torch.equal(cut_where_ordinary(bars, (False, False)), bars)


def test_a_look_at_more_points_than_fit_at_once_is_the_same_and_has_the_same_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(most: int) -> list[torch.Tensor]:
        monkeypatch.setattr("server.generators.picture.MOST_POINTS", most)
        made = picture((True, True))
        seen = PictureSubject(made, 2, 16).expose(0, 0.0, torch.Generator().manual_seed(3))
        seen.image.square().sum().backward()
        return [seen.image, *(parameter.grad for parameter in made.network.parameters() if parameter.grad is not None)]

    whole, parts = look(10_000), look(300)
    assert len(whole) == len(parts) == 7
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
