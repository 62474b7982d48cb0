"""Rows of a comparison: methods, noises, bandwidths, words for views and budgets, each with each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.commands.main import main
from server.errors import BadRequest
from server.evaluation import compared
from server.evaluation.compared import load_compared
from server.evaluation.kept_rows import KeptRows
from server.evaluation.shapes import evaluate_shapes
from server.evaluation.variants import Variant, variants
from tests.priors.tiny_pipeline import write_pipeline

QUICK: dict[str, Any] = {"steps": 2, "mesh": {"resolution": 32, "faces": 1000, "texture_size": 0}}


def test_a_variant_is_named_by_what_it_does_not_leave_open() -> None:
    assert Variant("msd").name == "msd"
    full = Variant("noised", "attached", (13.0, 0.7), True, 600)
    assert full.name == "noised, attached, 13-0.7, perp-neg, 600 calls"
    assert Variant("sds", perp_neg=False).name == "sds, no perp-neg"


def test_a_variant_asks_for_what_it_is_named_by_and_leaves_the_rest_to_the_prior() -> None:
    assert Variant("sds").guidance() == {"method": "sds"}
    assert Variant("noised", "attached", (13.0, 0.7), False).guidance() == {
        "method": "msd",
        "estimator": "noised",
        "noise": "attached",
        "bandwidth_start": 13.0,
        "bandwidth_end": 0.7,
        "perp_neg": False,
    }


def test_each_is_combined_with_each() -> None:
    made = variants(["sds", "noised"], ["fresh", "attached"], [(1.2, 0.15), (13.0, 0.7)], [True, False], [600, 1200])
    assert len({variant.name for variant in made}) == len(made) == 32
    assert [variant.calls for variant in made] == [600] * 16 + [1200] * 16


def test_an_unknown_method_is_refused_before_anything_is_made() -> None:
    with pytest.raises(BadRequest) as caught:
        evaluate_shapes(["a red cube"], methods=[Variant("sds"), Variant("dream")], prior="exact", settings=QUICK)
    assert caught.value.code == "method-unknown"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bandwidths", "1.2"], "FIRST:LAST"),
        (["--bandwidths", "1.2:much"], "much"),
        (["--perp-negs", "maybe"], "maybe"),
        (["--noise", "pink"], "pink"),
        (["--out", "rows.txt"], "rows.txt"),
    ],
)
def test_a_comparison_that_cannot_be_understood_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "shapes", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_every_variant_is_a_row_with_its_own_budget_and_kept_rows_are_not_made_again(tmp_path: Path) -> None:
    asked = variants(["sds", "noised"], ["fresh"], calls=[4, 8])
    kept = KeptRows(tmp_path / "rows.json")
    first = evaluate_shapes(["a red ball"], methods=asked, prior="exact", settings=QUICK, kept=kept)
    assert [row["method"] for row in first["rows"]] == [variant.name for variant in asked]
    assert list(first["means"]) == [variant.name for variant in asked]
    for row, variant in zip(first["rows"], asked, strict=True):
        assert variant.calls is not None
        assert 0 < row["denoiser_calls"] <= variant.calls
        assert row["janus"] is None
    again = evaluate_shapes(
        ["a red ball"], methods=asked, prior="exact", settings=QUICK, kept=KeptRows(tmp_path / "rows.json")
    )
    assert again["rows"] == first["rows"]  # with the same seconds


def test_the_stand_in_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "STAND_IN_FOLDER", write_pipeline(tmp_path))
    prior = load_compared("stand-in")
    assert prior.card.view_prompts
    assert prior.card.latent_shape == (4, 8, 8)


def test_a_stand_in_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "STAND_IN_FOLDER", tmp_path / "nowhere")
    with pytest.raises(BadRequest) as caught:
        load_compared("stand-in")
    assert caught.value.code == "prior-unknown"
    assert "nowhere" in caught.value.message
    assert "train-stand-in" in caught.value.hint


def test_the_exact_prior_without_its_camera_is_found_by_its_name() -> None:
    assert load_compared("exact-without-camera").card.name == "exact-without-camera"
    assert load_compared("exact").card.takes_camera
