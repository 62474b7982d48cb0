"""Maps that are estimated from pictures of surfaces of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from surfaces import AMBIENT, DEPTH, RELIEF, Surface, surface_of

from server.evaluation.colour_pairs import colour_pairs
from server.materials import relief
from server.materials.borders import Borders
from server.world.captions import Caption

LIT = [(pattern, pair) for pattern in RELIEF for pair in colour_pairs(pattern)]


def correlation(estimated: np.ndarray, surface: Surface) -> float:
    return float(np.corrcoef(estimated.ravel(), surface.height.ravel())[0, 1])


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Mean, in degrees."""
    return float(np.degrees(np.arccos(np.clip((one * other).sum(-1), -1, 1))).mean())


def normals_error(height: np.ndarray, surface: Surface, borders: Borders) -> tuple[float, float]:
    """Of the estimate, and of a flat surface."""
    flat = np.zeros_like(surface.normal) + np.float32([0, 0, 1])
    return angle(relief.normals(height, borders), surface.normal), angle(flat, surface.normal)


@pytest.mark.parametrize("pattern", RELIEF)
def test_height_and_normals_are_those_of_the_lit_surface_in_any_two_colours(pattern: str) -> None:
    assert relief.DEPTH == DEPTH
    found = []
    for pair in colour_pairs(pattern):
        surface, borders = surface_of(Caption("texture", pattern, *pair)), Borders(True, True)
        height, _ = relief.height_and_albedo(surface.picture, borders)
        error, flat = normals_error(height, surface, borders)
        found.append((correlation(height, surface), error, flat))
        print(f"{pattern} {'/'.join(pair)}: correlation {found[-1][0]:.3f}, normals {error:.1f} of {flat:.1f} degrees")
    least, most = min(row[0] for row in found), max(row[1] / row[2] for row in found)
    assert least > 0.85
    assert most < 0.8
    assert np.mean([row[0] for row in found]) > 0.9
    assert np.mean([row[1] / row[2] for row in found]) < 0.75


@pytest.mark.parametrize("pattern", RELIEF)
def test_a_picture_that_does_not_repeat_has_a_shape_too(pattern: str) -> None:
    borders = Borders(False, False)
    surface = surface_of(Caption("texture", pattern, *colour_pairs(pattern)[0]), repeats=False)
    height, _ = relief.height_and_albedo(surface.picture, borders)
    error, flat = normals_error(height, surface, borders)
    print(f"{pattern}: correlation {correlation(height, surface):.3f}, normals {error:.1f} of {flat:.1f} degrees")
    assert correlation(height, surface) > 0.85
    assert error < 0.75 * flat


@pytest.mark.parametrize("pattern", ["bricks", "cobblestone", "weave", "scales"])
def test_the_lamp_is_taken_out_of_the_colour(pattern: str) -> None:
    left, there = [], []
    for pair in colour_pairs(pattern):
        surface = surface_of(Caption("texture", pattern, *pair))
        _, albedo = relief.height_and_albedo(surface.picture, Borders(True, True))
        there.append(np.abs(_even(surface.picture) - _even(surface.paint)).mean())
        left.append(np.abs(_even(albedo) - _even(surface.paint)).mean())
    print(f"{pattern}: off by {np.mean(there):.3f} with the lamp of {1 - AMBIENT}, {np.mean(left):.3f} without it")
    assert np.mean(left) < 0.85 * np.mean(there)


def _even(picture: np.ndarray) -> np.ndarray:
    """As bright on average as any other: how strong light was, nothing tells."""
    return picture / picture.mean()


def test_paint_without_any_light_on_it_stays_as_it_is() -> None:
    for pattern in RELIEF:
        surface = surface_of(Caption("texture", pattern, *colour_pairs(pattern)[0]))
        _, albedo = relief.height_and_albedo(surface.paint, Borders(True, True))
        assert np.abs(albedo - surface.paint).mean() < 0.03, pattern


@pytest.mark.parametrize("borders", [Borders(False, False), Borders(True, True)])
def test_light_that_fades_over_the_picture_is_taken_out(borders: Borders) -> None:
    surface = surface_of(Caption("texture", "cobblestone", "grey", "black"), repeats=borders.x)
    line = np.linspace(0, 1, len(surface.paint), endpoint=False, dtype=np.float32)
    fading = 0.7 + 0.3 * np.cos(2 * np.pi * line) if borders.x else 0.4 + 0.6 * line
    _, albedo = relief.height_and_albedo(surface.paint * fading[None, :, None].astype(np.float32), borders)

    def unevenness(picture: np.ndarray) -> float:
        halves = np.array([part.mean() for part in np.split(picture, 4, axis=1)])
        return float(halves.std() / halves.mean())

    assert unevenness(surface.paint * fading[None, :, None]) > 0.2
    assert unevenness(albedo) < 0.12


def test_a_flat_picture_has_no_shape() -> None:
    grey = np.full((64, 64, 3), 0.5, np.float32)
    height, albedo = relief.height_and_albedo(grey, Borders(True, False))
    assert np.ptp(height) < 1e-5
    assert np.allclose(albedo, grey, atol=1e-5)


def test_grain_too_faint_to_be_seen_is_not_made_a_mountain() -> None:
    grain = np.random.default_rng(0).normal(0.5, 0.01, (128, 128, 1)).astype(np.float32).repeat(3, 2)
    height, _ = relief.height_and_albedo(grain, Borders(True, True))
    assert height.std() < 0.06
