"""A picture tiles where it promises to, and windows show what will be painted."""

import pytest
import torch

from server.generators.picture import Picture, PictureSubject, cut_where_ordinary
from tests.seams import seam_ratio


def picture(periodic: tuple[bool, bool], extent: tuple[float, float] = (2.0, 2.0)) -> Picture:
    made = Picture(extent, periodic, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for grid in made.grids:
            grid.mul_(100)  # enough contrast for a seam to show
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
    torch.testing.assert_close(coarse, torch.nn.functional.avg_pool2d(fine, 4), atol=1e-5, rtol=0)
    assert made.paint(40, 20).shape == (3, 20, 40)


def test_windows_of_a_picture_that_does_not_tile_stay_inside_it() -> None:
    made = picture((False, False), extent=(1.0, 1.0))
    subject = PictureSubject(made, windows_per_step=4, size=16, cells=4, seed=0)
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


def test_windows_lie_on_whole_cells_and_together_cover_a_long_tile_evenly() -> None:
    subject = PictureSubject(picture((True, True), extent=(4.0, 1.0)), windows_per_step=1, size=16, cells=8, seed=0)
    for step in range(5):
        corner = subject._corners(torch.Generator().manual_seed(step))
        assert torch.equal(corner * 8, (corner * 8).round())
        across = corner[:, 0].sort().values
        # Four windows for a tile four windows wide: one begins in every quarter.
        assert (across.diff() - 1).abs().max() <= 1 / 8


def test_windows_of_a_wide_picture_that_does_not_tile_reach_both_of_its_edges() -> None:
    subject = PictureSubject(picture((False, True), extent=(3.0, 1.0)), windows_per_step=1, size=16, cells=8, seed=0)
    corners = torch.cat([subject._corners(torch.Generator().manual_seed(step))[:, 0] for step in range(40)])
    assert corners.min() == 0
    assert corners.max() == 2
    assert 0.1 < float((corners == 0).float().mean()) < 0.3


def test_what_is_learnt_at_one_place_leaves_places_a_few_cells_away_alone() -> None:
    made = picture((True, True), extent=(1.0, 1.0))
    here, away = torch.tensor([[0.25, 0.25]]), torch.tensor([[0.8, 0.8]])
    made(here).sum().backward()
    for grid, cells in zip(made.grids, made._cells, strict=True):
        touched = (grid.grad.abs().sum(1) > 0).sum() if grid.grad is not None else 0
        assert touched <= 4, cells
    assert (made(away) - made(here)).abs().max() > 0


def test_a_large_window_is_looked_at_in_parts_with_the_same_values_and_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look() -> tuple[torch.Tensor, torch.Tensor]:
        made = picture((True, True), extent=(1.0, 1.0))
        subject = PictureSubject(made, windows_per_step=2, size=16, cells=4, seed=0)
        image = subject.expose(0, 0.0, torch.Generator().manual_seed(0)).image
        image.square().sum().backward()
        assert made.grids[0].grad is not None
        return image.detach(), made.grids[0].grad

    whole = look()
    monkeypatch.setattr("server.generators.picture.MOST_POINTS", 100)
    for part, all_at_once in zip(look(), whole, strict=True):
        torch.testing.assert_close(part, all_at_once, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("periodic", [(True, True), (False, True)])
def test_a_large_picture_is_read_at_fewer_pixels_and_is_the_same_to_a_step_of_8_bits(
    periodic: tuple[bool, bool],
) -> None:
    made = Picture((1.0, 1.0), periodic, torch.Generator().manual_seed(0), finest=8)
    with torch.no_grad():
        for grid in made.grids:
            grid.mul_(100)
    line = (torch.arange(256) + 0.5) / 256  # 32 pixels a cell
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    with torch.no_grad():
        exact = made(torch.stack([columns, rows], -1).view(-1, 2)).view(256, 256, 3).permute(2, 0, 1)
    torch.testing.assert_close(made.paint(256, 256), exact, atol=1 / 255, rtol=0)
