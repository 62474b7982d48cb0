"""The lab's experiments on image priors, on one in closed form."""

from pathlib import Path

import pytest

from server.lab.bandwidth import BANDWIDTHS, METHODS, SHARES, bandwidth
from server.lab.heuristics import CONDITIONS, SAMPLES, heuristics
from server.lab.image_figures import draw_bandwidth, draw_heuristics, draw_image_variance
from server.lab.image_variance import image_variance
from server.lab.scene import Scene
from tests.two_pictures import TwoPictures


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(TwoPictures(), "the first")


def test_a_narrow_kernel_stays_at_the_iterate_and_a_wide_one_leaves_it(scene: Scene, tmp_path: Path) -> None:
    result, shown = bandwidth(scene, steps=10, draws=3)
    rows = {(row["method"], row["iterate"], row["bandwidth"]): row for row in result["rows"]}
    assert len(rows) == len(METHODS) * len(SHARES) * len(BANDWIDTHS)
    for method in METHODS:
        early = [rows[method, 0, width]["distance"] for width in BANDWIDTHS]
        assert early[0] < early[-1] / 2, method
    assert rows["exact", 0, 0.1]["spread"] < rows["exact", 0, 3.0]["spread"]
    assert [one.updates for one in shown] == [0, 1, 3, 10]
    draw_bandwidth(result, shown, tmp_path / "bandwidth.png")
    assert (tmp_path / "bandwidth.png").stat().st_size > 10_000


def test_noise_scaling_shows_the_network_pictures_as_noisy_as_it_is_told(scene: Scene, tmp_path: Path) -> None:
    result, pictures = heuristics(scene, steps=12, count=2)
    rows = {row["condition"]: row for row in result["rows"]}
    assert list(rows) == [name for name, _, _ in CONDITIONS]
    for with_it, without in (("both", "interval"), ("noise scaling", "neither")):
        assert rows[with_it]["shell_ratio"] > rows[without]["shell_ratio"]
    assert list(pictures) == [SAMPLES, *rows]
    draw_heuristics(result, pictures, tmp_path / "heuristics.png")
    assert (tmp_path / "heuristics.png").stat().st_size > 10_000


def test_on_images_too_the_variance_tells_noisy_estimators_from_those_without_noise(
    scene: Scene, tmp_path: Path
) -> None:
    result = image_variance(scene, points=2, draws=4)
    noise = {(row["method"], row["bandwidth"]): row["noise_to_signal"] for row in result["rows"]}
    for width in BANDWIDTHS:
        assert noise["tweedie", width] < 1e-6
        assert noise["noised", width] > 1e-3
    draw_image_variance(result, tmp_path / "variance.png")
    assert (tmp_path / "variance.png").stat().st_size > 10_000
