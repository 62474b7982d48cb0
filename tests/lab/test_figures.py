"""Figures are written, and the numbers below them are what they claim."""

from pathlib import Path

from server.lab.figures import draw_efficiency, draw_landscapes, draw_samples, draw_variance
from server.lab.landscape import Landscape, landscapes
from server.lab.samples import samples
from server.lab.table1 import table1
from server.lab.variance import variance


def test_variance_tells_noisy_estimators_from_those_without_noise(tmp_path: Path) -> None:
    rows = variance("pinwheel", bandwidths=(0.2,), draws=12, points=6)["rows"]
    by_method = {row["method"]: row for row in rows}
    assert by_method["tweedie"]["noise_to_signal"] < 1e-9
    assert by_method["paper"]["noise_to_signal"] < 1e-3
    assert by_method["noised"]["noise_to_signal"] > 0.1
    assert by_method["tweedie"]["shell_ratio"] < by_method["noised"]["shell_ratio"]
    draw_variance("pinwheel", rows, tmp_path / "variance.png", seed=0)
    assert (tmp_path / "variance.png").stat().st_size > 10_000


def test_samples_of_every_density_are_drawn_side_by_side(tmp_path: Path) -> None:
    rows = samples(["spiral", "pinwheel"], ("ddim", "mean-shift"))["rows"]
    assert [(row["density"], row["method"], len(row["points"])) for row in rows] == [
        (name, method, 400) for name in ("spiral", "pinwheel") for method in ("ddim", "mean-shift")
    ]
    draw_samples(rows, tmp_path / "samples.png", "title")
    assert (tmp_path / "samples.png").stat().st_size > 10_000


def test_efficiencies_are_drawn(tmp_path: Path) -> None:
    draw_efficiency(table1(["spiral"], per_side=2, repeats=4)["rows"], tmp_path / "table1.png")
    assert (tmp_path / "table1.png").stat().st_size > 10_000


def test_landscapes_are_drawn_with_their_maxima_inside(tmp_path: Path) -> None:
    result, found = landscapes("spiral", size=21)
    assert all(isinstance(one, Landscape) for one in found)
    assert all(max(abs(v) for v in row["maximum"]) <= 1.2 for row in result["rows"])
    draw_landscapes("spiral", result["rows"], found, tmp_path / "landscape.png")
    assert (tmp_path / "landscape.png").stat().st_size > 10_000
