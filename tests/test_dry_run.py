"""`--dry-run` says every setting before anything is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.__main__ import main
from tests.priors.tiny_families import write_model


def dry(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--dry-run", "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model"), "sd1"))


def test_a_photographic_model_gets_published_settings_and_the_rule_that_made_the_better_objects(
    photographs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = dry(capsys, "mesh", "a duck", "--prior", photographs)
    expected = {
        "method": "msd",
        "estimator": "noised",
        "centre": None,
        "steps": 7000,
        "calls_a_step": [4, 4],
        "denoiser_calls": 28_000,
        "perp_neg": True,
        "guidance_scale": 7.5,
        "noise": "fresh",
        "bandwidth_schedule": "timestep",
        "learning_rate": 0.01,
    }
    assert {name: said[name] for name in expected} == expected
    assert said["regularisers"]["sparsity"] == {"start": 0.15, "end": 0.0, "until": 0.3}
    (leg,) = said["bandwidths"]
    assert (leg["bandwidth_start"], leg["bandwidth_end"]) == (6.5, 0.35)


def test_a_flat_picture_by_a_photographic_model_is_the_papers_and_so_is_an_object_that_is_asked_for_so(
    photographs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sampler = {"estimator": "paper", "centre": "inversion", "kernel_time": "half_var", "interval": [0.1, 2.0]}
    flat = dry(capsys, "texture", "bricks", "--prior", photographs)
    assert {name: flat[name] for name in sampler} == sampler
    assert (flat["steps"], flat["perp_neg"]) == (400, False)
    said = dry(capsys, "mesh", "a duck", "--prior", photographs, "--estimator", "paper")
    assert {name: said[name] for name in sampler} == sampler
    fewest, most = said["calls_a_step"]
    assert 7000 * fewest <= said["denoiser_calls"] <= 7000 * most


def test_the_embedded_prior_keeps_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    said = dry(capsys, "mesh", "a duck")
    assert (said["estimator"], said["steps"]) == ("noised", 800)
    # Two for each step, and those that look at the colours of its end.
    assert said["denoiser_calls"] == 1600 + said["tone_calls"]
    assert said["tone_calls"] == 24
    assert (said["centre"], said["interval"], said["perp_neg"]) == (None, None, False)
    said = dry(capsys, "texture", "bricks", "--preset", "sketch")
    assert said["noise"] == "attached-fresh-attached"


def test_options_of_the_papers_estimator_are_followed(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--estimator", "paper", "--centre", "inversion", "--kernel-time", "vp", "--interval", "0.2,4"]
    options += ["--inversion-scale", "-6.5", "--sampler-steps", "20"]
    for kind in ("mesh", "texture"):
        said = dry(capsys, kind, "a duck" if kind == "mesh" else "bricks", *options)
        assert (said["estimator"], said["centre"], said["kernel_time"]) == ("paper", "inversion", "vp")
        assert (said["interval"], said["inversion_scale"], said["sampler_steps"]) == ([0.2, 4.0], -6.5, 20)


def test_what_the_rule_does_not_listen_to_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    deaf = dry(capsys, "mesh", "a duck", "--method", "sds", "--bandwidth-start", "13", "--centre", "clean")
    assert deaf["without_effect"] == ["centre", "bandwidth_start"]
    assert "without_effect" not in dry(capsys, "mesh", "a duck", "--bandwidth-start", "13")


def test_nothing_is_loaded_and_nothing_is_written(photographs: str, tmp_path: Path) -> None:
    command = ["mesh", "a duck", "--prior", photographs, "--out", str(tmp_path / "duck.glb"), "--dry-run", "--json"]
    code = (
        f"import sys; from server.__main__ import main; main({command!r}); "
        "sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert not list(tmp_path.iterdir())


def test_an_empty_interval_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mesh", "a duck", "--estimator", "paper", "--interval", "2,1", "--dry-run"]) == 2
    assert "interval_low that is smaller than interval_high" in capsys.readouterr().err
