"""Noise that is attached to a plane: standard normal through every window, and the same where windows overlap."""

import pytest
import torch
from torch import Tensor

from server.generators.plane_noise import PlaneNoise, one_for_all

SEEDS = 400
CELLS = 8


def seen(corner: tuple[float, float], scale: float = 1.0, extent: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """One window onto SEEDS fields, [SEEDS, CELLS * CELLS]."""
    windows = [PlaneNoise(extent, seed).seen(torch.tensor([corner]), 0, 1, CELLS, scale) for seed in range(SEEDS)]
    return torch.cat(windows).flatten(1)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.5, 0.25), (0.3712, 0.8291), (-1.7, 12.34)])
@pytest.mark.parametrize("scale", [0.5, 1.0, 0.87])
def test_a_window_anywhere_and_of_any_scale_sees_standard_normal_noise(
    corner: tuple[float, float], scale: float
) -> None:
    noise = seen(corner, scale)
    covariance = noise.T @ noise / SEEDS
    # Entries of a sample covariance scatter by 1 / sqrt(SEEDS), variances by sqrt(2) of it; five of those.
    assert (covariance - torch.eye(CELLS * CELLS)).abs().max() < 5 * (2 / SEEDS) ** 0.5
    assert abs(float(noise.mean())) < 5 / (SEEDS * CELLS * CELLS) ** 0.5


def test_a_window_larger_than_the_tile_sees_the_tile_again() -> None:
    noise = seen((0.0, 0.0), scale=2.0).view(SEEDS, CELLS, CELLS)
    torch.testing.assert_close(noise[:, : CELLS // 2], noise[:, CELLS // 2 :])


def test_windows_agree_on_the_cells_that_they_share_also_across_the_edge() -> None:
    field = PlaneNoise((1.0, 1.0), 3)
    whole, moved = field.seen(torch.tensor([[0.0, 0.0], [0.75, 0.5]]), 0, 4, CELLS)
    torch.testing.assert_close(moved, whole.roll((-CELLS // 2, -CELLS * 3 // 4), (1, 2)))


def test_windows_half_a_cell_apart_agree_by_half() -> None:
    one, other = seen((0.0, 0.0)), seen((0.5 / CELLS, 0.0))
    agreement = float((one * other).mean())
    assert agreement == pytest.approx(0.5, abs=0.03)


def test_an_odd_tile_repeats_where_it_ends() -> None:
    field = PlaneNoise((1.37, 1.0), 0)
    here, one_tile_on = field.seen(torch.tensor([[0.2, 0.1], [1.57, 1.1]]), 0, 2, CELLS)
    assert torch.corrcoef(torch.stack([here.flatten(), one_tile_on.flatten()]))[0, 1] > 0.9


def test_fields_of_other_numbers_and_seeds_are_others_and_the_same_seed_gives_the_same() -> None:
    corner = torch.tensor([[0.1, 0.2]])
    first = PlaneNoise((1.0, 1.0), 5).seen(corner, 0, 2, CELLS)
    assert torch.equal(first, PlaneNoise((1.0, 1.0), 5).seen(corner, 0, 2, CELLS))
    for other in (
        PlaneNoise((1.0, 1.0), 5).seen(corner, 1, 2, CELLS),
        PlaneNoise((1.0, 1.0), 6).seen(corner, 0, 2, CELLS),
    ):
        assert abs(float((first * other).mean())) < 0.5


def test_noise_of_the_screen_is_the_same_for_every_window() -> None:
    law = one_for_all(3)
    two = law(0, torch.Size([2, 4, 8, 8]))
    assert torch.equal(two[0], two[1])
    assert not torch.equal(two, law(1, torch.Size([2, 4, 8, 8])))
