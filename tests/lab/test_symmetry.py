"""What becomes of a flat start where a pattern's phase is open."""

import math
from pathlib import Path

import pytest
import torch

from server.lab.flat_point import critical_bandwidth, grain_power, noised_gain, ring_power
from server.lab.symmetry import BANDWIDTH, CONDITIONS, FAST, FOR_EVER, Condition, measure, roll, run, symmetry
from server.lab.symmetry_figure import draw_symmetry
from server.lab.textures import CELLS, STD, TEXTURES, Texture

NAMED = {texture.name: texture for texture in TEXTURES}
STRIPES, PINSTRIPES, PLANKS = NAMED["stripes"], NAMED["pinstripes"], NAMED["planks"]
FRESH, FRESH_HELD = Condition("noised", "fresh", 1), Condition("noised", "fresh", FOR_EVER)
ATTACHED = Condition("noised", "attached", 1)


def _end(texture: Texture, condition: Condition) -> dict[str, float | None]:
    return measure(texture, run(texture, condition, 0)[0])


def _number(value: float | None) -> float:
    assert value is not None
    return value


@pytest.mark.parametrize("texture", TEXTURES, ids=lambda t: t.name)
def test_a_sample_has_the_powers_that_its_texture_states(texture: Texture) -> None:
    drawn = measure(texture, texture.mixture.sample(2000, torch.Generator().manual_seed(0)))
    powers = [drawn[key] for key in ("coarse_power", "fine_power") if drawn[key] is not None]
    assert powers == pytest.approx([1.0] * len(powers), abs=0.05)


@pytest.mark.parametrize("name", ["stripes", "pinstripes", "planks"])
def test_an_open_phase_makes_all_windows_alike(name: str) -> None:
    x = 0.3 * torch.randn((4, CELLS), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shifts = torch.tensor([1, 7, 16, 31])
    mixture = NAMED[name].mixture
    assert torch.allclose(mixture.denoise(roll(x, shifts), 0.2), roll(mixture.denoise(x, 0.2), shifts), atol=1e-10)


@pytest.mark.parametrize("texture", [STRIPES, PINSTRIPES], ids=lambda t: t.name)
@pytest.mark.parametrize("share", [0.2, 0.9, 1.1, 3.0])
def test_flat_is_a_saddle_below_the_critical_bandwidth_and_a_maximum_above(texture: Texture, share: float) -> None:
    radius = texture.wave.radius
    bandwidth = share * critical_bandwidth(radius, STD)
    hessian = torch.autograd.functional.hessian(
        lambda x: texture.mixture.log_density(x[None], bandwidth)[0], torch.zeros(CELLS, dtype=torch.float64)
    )
    values = torch.linalg.eigvalsh(hessian)
    variance = STD**2 + bandwidth**2
    along, across = (radius**2 / (2 * variance) - 1) / variance, -1 / variance
    assert (along > 0) == (share < 1)
    assert values[-2:].tolist() == pytest.approx([along, along], rel=1e-6, abs=1e-8)
    assert values[:-2].tolist() == pytest.approx([across] * (CELLS - 2), rel=1e-6)


@pytest.mark.parametrize("bandwidth", [0.1, 0.3])
def test_the_noised_gain_is_that_of_the_denoiser(bandwidth: float) -> None:
    wave = PINSTRIPES.mixture.means[:1]
    noise = torch.randn((10_000, CELLS), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    answers = PINSTRIPES.mixture.denoise(0.02 * wave + bandwidth * noise, bandwidth)
    opposite = PINSTRIPES.mixture.denoise(-0.02 * wave + bandwidth * noise, bandwidth)
    measured = float(((answers - opposite) @ wave[0]).mean()) / (0.04 * float(wave.square().sum()))
    assert measured == pytest.approx(noised_gain(PINSTRIPES.wave.radius, STD, bandwidth), rel=0.05)


def test_without_noise_of_its_own_a_wide_ring_answers_as_its_limit_says() -> None:
    assert noised_gain(10.0, 1e-4, 0.1) == pytest.approx(math.sqrt(math.pi / 8) * 10 / 0.1, rel=0.02)


@pytest.mark.parametrize(
    ("texture", "rate"), [(STRIPES, FRESH.rate), (PINSTRIPES, FRESH.rate), (PINSTRIPES, FAST)], ids=str
)
def test_theory_says_how_far_a_wave_grows(texture: Texture, rate: float) -> None:
    end = _end(texture, Condition("noised", "fresh", 1, rate))
    bandwidths = [BANDWIDTH(step / 299) for step in range(300)]
    told = ring_power(texture.wave.radius, STD, bandwidths, rate, 1e-3)
    measured = end["coarse_power"] if texture.coarse else end["fine_power"]
    assert measured == pytest.approx(told, rel=0.25)


def test_a_weak_pattern_stays_flat_with_fresh_noise_and_forms_with_attached() -> None:
    assert _number(_end(PINSTRIPES, FRESH)["contrast"]) < 0.35
    assert _number(_end(PINSTRIPES, FRESH_HELD)["contrast"]) < 0.35
    assert _number(_end(PINSTRIPES, ATTACHED)["contrast"]) > 0.8


def test_a_strong_pattern_forms_with_fresh_noise_whether_windows_move_or_not() -> None:
    assert _number(_end(STRIPES, FRESH)["contrast"]) > 0.8
    assert _number(_end(STRIPES, FRESH_HELD)["contrast"]) > 0.8


def test_attached_noise_makes_the_same_signal_whether_windows_move_or_not() -> None:
    moving = run(PLANKS, ATTACHED, 0)[0]
    held = run(PLANKS, Condition("noised", "attached", FOR_EVER), 0)[0]
    assert measure(PLANKS, moving) == pytest.approx(measure(PLANKS, held), rel=1e-6)


def test_grain_is_lost_by_holding_kept_by_attached_noise_and_wiped_by_mean_shift() -> None:
    assert _number(_end(PLANKS, FRESH_HELD)["fine_power"]) < 0.01
    end, after = run(PLANKS, ATTACHED, 0)
    assert 0.5 < _number(measure(PLANKS, end)["fine_power"]) < 1.1
    assert _number(measure(PLANKS, after)["coarse_power"]) == pytest.approx(1, abs=0.05)
    assert _number(measure(PLANKS, after)["fine_power"]) < 0.01
    assert _number(measure(PLANKS, after)["nll"]) < _number(measure(PLANKS, end)["nll"])


def test_steps_longer_than_the_bandwidth_shrinks_make_too_much_grain_as_theory_says() -> None:
    end = _end(PLANKS, Condition("noised", "attached", 1, FAST))
    assert PLANKS.fine is not None
    std = math.hypot(PLANKS.fine.std, STD)
    told = grain_power(std, [BANDWIDTH(step / 299) for step in range(300)], FAST, attached=True)
    assert _number(end["fine_power"]) == pytest.approx(told, rel=0.15)
    assert told > 4


def test_where_the_phase_is_known_fresh_noise_is_fine_and_moving_windows_are_not() -> None:
    placed = NAMED["placed"]
    end, after = (measure(placed, x) for x in run(placed, FRESH_HELD, 0))
    assert _number(end["contrast"]) > 0.9
    assert _number(after["nearest_mode"]) < 1e-3
    assert _number(after["q"]) < 0.01
    for condition in (FRESH, ATTACHED):
        assert _number(_end(placed, condition)["contrast"]) < 0.2


def test_the_longer_a_window_is_held_the_more_a_leaning_phase_helps() -> None:
    leaning = NAMED["leaning"]
    moving, held, for_ever = (
        _number(_end(leaning, Condition("noised", "fresh", hold))["contrast"]) for hold in (1, 50, FOR_EVER)
    )
    assert moving < 0.35 < held < for_ever


def test_rows_state_the_condition_the_spread_and_what_came_after() -> None:
    result = symmetry([PINSTRIPES], [FRESH], seeds=2)
    samples, row = result["rows"]
    assert samples["estimator"] == "samples"
    assert samples["after"] is None
    assert (row["density"], row["noise"], row["window"]) == ("pinstripes", "fresh", 1)
    assert row["coarse_power"] is None
    assert row["predicted"]["fine_power"] == pytest.approx(row["fine_power"], rel=0.3)
    assert row["after"].keys() == {"spread", "example", *row["spread"]}


def test_the_figure_is_drawn_from_the_rows(tmp_path: Path) -> None:
    shown = [condition for condition in CONDITIONS if condition.estimator == "noised"]
    draw_symmetry(symmetry(conditions=shown, seeds=1)["rows"], tmp_path / "symmetry.png")
    assert (tmp_path / "symmetry.png").stat().st_size > 10_000
