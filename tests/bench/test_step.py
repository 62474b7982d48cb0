"""`bench step` compares a whole step with the denoiser calls that it made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from server.bench.step import bench_step
from server.commands.main import main
from server.priors.catalogue import load_prior
from server.recipe import Recipe, read_recipe
from tests.closeness import assert_close_to_rounding
from tests.priors.published import write_random

# The layout of Stable Diffusion 1 with an eighth of its widths.
SMALLER: dict[str, dict[str, Any]] = {
    "unet": {"block_out_channels": [32, 64, 64, 64], "sample_size": 8},
    "vae": {"block_out_channels": [32, 32, 32, 32], "sample_size": 64},
    "text_encoder": {"num_hidden_layers": 1, "intermediate_size": 64},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random(tmp_path_factory.mktemp("model"), **SMALLER)


@pytest.fixture
def recipe() -> Recipe:
    guidance = {"estimator": "noised", "perp_neg": False}
    return read_recipe({"kind": "mesh", "prompt": "a yellow duck", "preset": "sketch", "guidance": guidance})


def test_the_denoiser_calls_of_every_step_are_made_once_more(folder: Path, recipe: Recipe) -> None:
    prior = load_prior(str(folder), "cpu")
    asked: list[Tensor] = []
    denoise = prior.denoise

    def watched(noisy: Tensor, sigma: Tensor, conditions: Sequence[Any]) -> list[Tensor]:
        asked.append(noisy)
        return denoise(noisy, sigma, conditions)

    prior.denoise = watched  # type: ignore[method-assign]
    timed = bench_step(recipe, prior, 32, 2, "cpu")
    assert len(asked) == 2 * (2 + 1)  # one step warms up
    for during, alone in zip(asked[::2], asked[1::2], strict=True):
        assert_close_to_rounding(during, alone)
    assert timed["denoiser_calls"] == 2  # with and without the prompt
    assert timed["render_size"] == 32  # of the end of a run, whichever the step


def test_a_step_takes_longer_than_its_parts(folder: Path, recipe: Recipe) -> None:
    timed = bench_step(recipe, load_prior(str(folder), "cpu"), 32, 2, "cpu")
    low, high = timed["ratio_spread"]
    assert 1 < low <= timed["ratio"] <= high
    assert timed["encoding"] > 0
    assert timed["step"] > timed["denoiser"]


def test_sizes_and_estimators_are_compared_on_the_command_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--prior", str(folder), "--steps", "1", "--sizes", "16", "32", "--estimator", "paper", "--json"]
    assert main(["bench", "step", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["estimator"] == "paper"
    assert {size: timed["render_size"] for size, timed in result["sizes"].items()} == {"16": 16, "32": 32}
    # The inversion climbs twelve levels without the prompt; the way down has two views against the prompt and without.
    assert all(timed["denoiser_calls"] == 11 + 12 * 4 for timed in result["sizes"].values())


@pytest.mark.parametrize("wrong", [["--steps", "0"], ["--sizes", "64", "0"]])
def test_wrong_usage_is_refused_before_anything_is_timed(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "step", *wrong, "--json"]) == 2
    assert "is not a whole number from 1" in json.loads(capsys.readouterr().out)["error"]["detail"]
