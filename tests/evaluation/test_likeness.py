"""Contrast and spectrum of pictures of which both are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from server.evaluation.likeness import band_powers, contrast, looks, resized, spectral_distance
from server.world.patterns import render_sheet


def tile() -> Tensor:
    """Cobblestones that meet themselves where they are cut, somehow: [3, 64, 64]."""
    grey = functional.avg_pool2d(render_sheet("cobblestone", 1.0, 256)[None], 4)[0]
    return torch.stack([0.8 * grey, 0.5 * grey, 0.2 + 0.3 * grey])


def wave(cycles: int, side: int = 64) -> Tensor:
    phase = 2 * math.pi * cycles * torch.arange(side) / side
    return (0.5 + 0.25 * phase.cos()).expand(1, 3, side, side)


def test_the_contrast_of_a_wave_is_its_standard_deviation() -> None:
    assert contrast(wave(3)) == pytest.approx(0.25 / math.sqrt(2), rel=1e-4)


def test_a_paler_picture_has_less_contrast_in_proportion() -> None:
    assert contrast(0.3 + 0.4 * tile()[None]) == pytest.approx(0.4 * contrast(tile()[None]), rel=1e-4)


def test_one_colour_has_no_contrast_whichever_it_is() -> None:
    flat = torch.tensor([0.9, 0.1, 0.4]).view(1, 3, 1, 1).expand(2, 3, 64, 64)
    assert contrast(flat) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("cycles", "band"), [(6, 2), (12, 3), (24, 4)])
def test_a_wave_is_in_the_octave_of_its_frequency_with_all_its_variance(cycles: int, band: int) -> None:
    powers = band_powers(wave(cycles))
    assert powers[band] == pytest.approx(3 * 0.25**2 / 2, rel=0.01)
    assert sum(powers) == pytest.approx(powers[band], rel=0.01)


@pytest.mark.parametrize("shift", [(1, 0), (0, 7), (13, 32), (40, 63)])
def test_where_a_tile_is_cut_changes_nothing(shift: tuple[int, int]) -> None:
    usual = band_powers(looks(tile()))
    assert spectral_distance(band_powers(looks(tile().roll(shift, (1, 2)))), usual) == pytest.approx(0, abs=1e-3)


def test_a_tile_cut_once_would_depend_on_where() -> None:
    assert spectral_distance(band_powers(tile()[None]), band_powers(tile().roll((13, 32), (1, 2))[None])) > 0.1


def test_the_more_blurred_the_farther() -> None:
    usual, distances = band_powers(looks(tile())), []
    for reach in (1, 2, 4):
        padded = functional.pad(tile()[None], [reach] * 4, mode="circular")
        blurred = functional.avg_pool2d(padded, 2 * reach + 1, stride=1)[0]
        distances.append(spectral_distance(band_powers(looks(blurred)), usual))
    assert 0.5 < distances[0] < distances[1] < distances[2]


def test_half_the_contrast_is_six_decibels_in_every_band_but_for_what_is_faint() -> None:
    distance = spectral_distance(band_powers(looks(0.5 * tile())), band_powers(looks(tile())))
    assert distance == pytest.approx(6.02, abs=1)


def test_a_flat_picture_is_far_from_any_other_and_near_another_flat_one() -> None:
    flat = torch.full((1, 3, 64, 64), 0.5)
    assert spectral_distance(band_powers(flat), band_powers(looks(tile()))) > 8
    assert spectral_distance(band_powers(flat), band_powers(flat + 0.2)) == pytest.approx(0, abs=1e-3)


def test_a_picture_is_made_smaller_by_the_means_of_areas() -> None:
    picture = torch.arange(16.0).view(1, 4, 4).expand(3, 4, 4)
    assert torch.equal(resized(picture, 2)[0], torch.tensor([[2.5, 4.5], [10.5, 12.5]]))
