"""`lab` on the command line."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from server.commands.lab import add_arguments
from server.commands.lab_experiments import EVERYTHING
from server.errors import BadRequest
from server.lab.densities import density


def _run(*words: str) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(words)
    result: dict[str, Any] | None = args.run(args)
    return result


@pytest.mark.parametrize("name", ["fractal", "fractal_b", "fractal_ab", "spiral", "pinwheel", "circles"])
@pytest.mark.parametrize(("at", "bandwidth"), [("-0.37,0.81", 0.013), ("12.5,-7.25", 0.7), ("0.31,0.29", 40.0)])
def test_field_agrees_with_the_closed_forms(name: str, at: str, bandwidth: float) -> None:
    row = _run("field", "--density", name, "--bandwidth", str(bandwidth), "--at", at, "--json")
    assert row is not None
    mixture = density(name)
    x = torch.tensor([[float(v) for v in at.split(",")]], dtype=torch.float64, requires_grad=True)
    identity = torch.eye(2, dtype=torch.float64)

    def log_density(lam: float) -> torch.Tensor:
        seen = torch.distributions.MultivariateNormal(mixture.means, mixture.covariances + lam**2 * identity)
        return (mixture.weights.log() + seen.log_prob(x)).logsumexp(0)

    (gradient,) = torch.autograd.grad(log_density(bandwidth), x)
    shift = (bandwidth**2 * gradient[0]).tolist()
    assert row["log_density"] == pytest.approx(float(log_density(0.0).detach()), rel=1e-10, abs=1e-8)
    assert row["log_density_smoothed"] == pytest.approx(float(log_density(bandwidth).detach()), rel=1e-10, abs=1e-8)
    assert row["mean_shift"] == pytest.approx(shift, abs=1e-8)
    assert row["mean_shift_exact"] == pytest.approx(shift, abs=1e-8)
    assert row["denoised"] == pytest.approx((x[0].detach() + torch.tensor(shift)).tolist(), abs=1e-6)
    assert row["denoiser_calls"] == 1


def test_field_takes_several_points_and_every_estimator() -> None:
    for estimator in ("exact", "paper", "noised", "sds", "sdi"):
        result = _run("field", "--estimator", estimator, "--at", "0.5,0.5", "-0.1,0.2", "--json")
        assert result is not None
        assert [row["at"] for row in result["rows"]] == [[0.5, 0.5], [-0.1, 0.2]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("field", "--density", "torus", "--at", "0,0"), "density-unknown"),
        (("field", "--estimator", "magic", "--at", "0,0"), "estimator-unknown"),
        (("field", "--estimator", "paper", "--interval", "2,1", "--at", "0,0"), "interval-invalid"),
        (("field", "--estimator", "tweedie", "--interval", "1,2", "--at", "0,0"), "interval-invalid"),
        (("table2", "--method", "magic"), "method-unknown"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(words: tuple[str, ...], code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _run(*words)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_a_point_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        _run("field", "--at", "middle")
    assert caught.value.code == 2
    assert "is not of the form X,Y" in capsys.readouterr().err


def test_table2_writes_json_and_a_figure_and_keeps_stdout_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--density", "spiral", "--denoiser", "ideal", "--method", "mean-shift", "ddim", "--seeds", "2")
    result = _run("table2", *words, "--out", str(tmp_path), "--json")
    assert result is not None
    assert capsys.readouterr().out == ""
    assert json.loads((tmp_path / "table2.json").read_text(encoding="utf-8")) == result
    assert (tmp_path / "table2.png").stat().st_size > 10_000
    keys = {"density", "denoiser", "method", "nll", "nll_median", "precision", "recall", "mmd", "calls_per_point"}
    assert all(keys <= row.keys() for row in result["rows"])
    assert [row["calls_per_point"] for row in result["rows"]] == [20, 32]


def test_a_table_for_people_shows_the_papers_numbers_beside_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        _run("table2", "--density", "fractal", "--denoiser", "ideal", "--method", "ddim", "--out", str(tmp_path))
        is None
    )
    heading, row, note = capsys.readouterr().out.splitlines()
    assert "NLL [paper]" in heading
    assert "[-1.51]" in row
    assert "[?]" in row
    assert note.startswith("[?]")


def test_all_makes_every_table_and_figure_that_has_a_command_of_its_own() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (tools,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    commands = set(tools.choices) - {"field", "train", "all"}
    assert {name for name, _, _ in EVERYTHING} == commands
    for name, run, settings in EVERYTHING:
        usual = vars(parser.parse_args([name]))
        assert usual["run"] is run
        assert set(settings) <= set(usual), name


def test_landscapes_are_drawn_for_every_density_with_and_without_guidance(tmp_path: Path) -> None:
    result = _run("landscape", "--density", "circles", "fractal_b", "--size", "11", "--out", str(tmp_path), "--json")
    assert result is not None
    assert {(row["density"], row["scale"]) for row in result["rows"]} == {
        ("circles", 1.0),
        ("circles", 4.0),
        ("fractal_b", 1.0),
    }
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == {"landscape_circles.png", "landscape_circles_guided.png", "landscape_fractal_b.png"}


@pytest.mark.parametrize("experiment", ["bandwidth", "heuristics", "image-variance"])
def test_a_figure_of_images_needs_a_prior_that_is_there(experiment: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        _run(experiment, "--prior", str(tmp_path / "none"), "--out", str(tmp_path / "out"))
    assert caught.value.code.startswith("prior-")
