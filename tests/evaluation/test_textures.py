"""Texture mode is judged by the pictures that a person gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from server.commands.main import main
from server.errors import BadRequest
from server.evaluation.kept_rows import KeptRows
from server.evaluation.likeness import looks
from server.evaluation.texture_gates import describe, summarise
from server.evaluation.texture_looks import JUDGED_SIDE, Reference, draw_reference, examine
from server.evaluation.texture_sheets import THUMBNAIL, picture_name, read_picture
from server.evaluation.textures import Run, evaluate_textures, plan_runs, planned_steps
from server.priors.exact import ExactCondition, ExactPrior
from server.recipe import read_recipe
from server.training.judge import HUES, NAMES, Judge, answer_of, train_judge
from server.training.pictures import PictureBank
from server.world.captions import PATTERNS, Caption

ROW = {
    "pattern": "bricks",
    "colours": ["red", "grey"],
    "prompt": "red bricks on grey",
    "seed": 0,
    "preset": "sketch",
    "method": "msd",
    "noise": "fresh",
    "name_right": True,
    "colours_right": True,
    "right": True,
    "seen": "red bricks on grey",
    "contrast": 1.0,
    "contrast_ok": True,
    "spectrum": 1.0,
    "usual_spectrum": 1.0,
    "seam_ratio": 1.0,
    "seconds": 10.0,
    "denoiser_calls": 300,
    "warnings": [],
    "run": "a",
}


WINDOWS = 3  # of a sketch in every step


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    bank = PictureBank(tmp_path_factory.mktemp("bank"), 64, views=2, windows=2, device=torch.device("cpu"))
    return train_judge(bank, steps=20).eval().requires_grad_(False)


def small(**asked: Any) -> list[Run]:
    return plan_runs(
        **{"patterns": ["stripes"], "pairs": 1, "seeds": (0,), "presets": ["sketch"], "prior": "exact", "size": 64}
        | asked
    )


def evaluated(judge: Judge, runs: Sequence[Run], **asked: Any) -> dict[str, Any]:
    return evaluate_textures(runs, ExactPrior(), judge, **{"calls": 3} | asked)


def test_all_patterns_are_made_in_six_pairs_of_colours_with_three_seeds_and_two_presets() -> None:
    runs = plan_runs()
    assert len(runs) == 2 * 12 * 6 * 3
    assert {run.caption.name for run in runs} == set(PATTERNS)
    tiles = {(run.recipe.texture.tile_x, run.recipe.texture.tile_y, run.recipe.texture.width) for run in runs}
    assert tiles == {(True, True, 256)}
    assert planned_steps(runs) == len(runs) + 12 * 6


def test_a_recipe_says_no_more_than_what_was_asked_for() -> None:
    (run,) = plan_runs(["dots"], pairs=1, seeds=[3], presets=["standard"])
    assert run.recipe == read_recipe({"kind": "texture", "prompt": "red dots on white", "seed": 3} | {"texture": SIDES})


SIDES = {"width": 256, "height": 256}


@pytest.mark.parametrize(
    "wrong", [{"presets": ["grand"]}, {"methods": ["magic"]}, {"noises": ["pink"]}, {"size": 8}, {"seeds": []}]
)
def test_what_cannot_be_made_is_refused_before_anything_is_loaded(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        small(**wrong)


def test_every_run_is_a_row_a_picture_and_a_place_on_its_sheet(judge: Judge, tmp_path: Path) -> None:
    runs = small(patterns=["stripes", "dots"], pairs=2, seeds=(5, 6), methods=["msd", "sds"])
    steps: list[int] = []
    result = evaluated(judge, runs, pictures=tmp_path, on_step=lambda: steps.append(1))
    rows = result["rows"]
    assert [(row["method"], row["seed"], row["pattern"], row["prompt"]) for row in rows] == [
        (method, seed, prompt.split()[1], prompt)
        for method in ("msd", "sds")
        for seed in (5, 6)
        for prompt in ("blue stripes on white", "green stripes on orange", "red dots on white", "yellow dots on purple")
    ]
    assert len(steps) == planned_steps(runs) == 16 + 4
    for row in rows:
        assert set(row) == set(ROW)
        assert row["colours"] == [row["prompt"].split()[0], row["prompt"].split()[-1]]
        assert row["right"] == (row["name_right"] and row["colours_right"])
        assert 0 < row["denoiser_calls"] <= 3
        assert row["contrast"] > 0
        assert Image.open(tmp_path / picture_name(row)).size == (64, 64)
    sheets = sorted(path.name for path in tmp_path.glob("sheet-*"))
    assert sheets == ["sheet-sketch-msd-fresh.png", "sheet-sketch-sds-fresh.png"]
    sheet = Image.open(tmp_path / sheets[0])
    assert sheet.size == (5 * THUMBNAIL, 2 * THUMBNAIL)
    # The second line begins with a sample of the dots, then come both seeds of a pair.
    third = read_picture(tmp_path / "red-dots-on-white-sketch-msd-fresh-6.png")
    place = sheet.crop((2 * THUMBNAIL, THUMBNAIL, 3 * THUMBNAIL, 2 * THUMBNAIL)).resize((64, 64), Image.Resampling.BOX)
    assert torch.equal((third * 255).round().byte(), torch.from_numpy(np.array(place)).permute(2, 0, 1))
    assert [group["runs"] for group in result["summary"]] == [8, 8]


def test_maps_are_in_rows_in_the_summary_and_on_a_sheet_of_their_own(judge: Judge, tmp_path: Path) -> None:
    result = evaluated(judge, small(patterns=["stripes", "dots"], maps=["height", "normal"]), pictures=tmp_path)
    for row in result["rows"]:
        assert set(row) == {*ROW, "map_seam_ratios"}
        assert set(row["map_seam_ratios"]) == {"normal", "height"}
    seams = [row["map_seam_ratios"]["height"] for row in result["rows"]]
    (group,) = result["summary"]
    assert group["map_seam_ratios"]["height"] == [min(seams), max(seams)]
    assert "normal" in describe(result["summary"], [])
    # Colour, normal and height of stripes, and of dots.
    sheet = Image.open(tmp_path / "maps-sketch-msd-fresh.png")
    assert sheet.size == (3 * THUMBNAIL, 2 * THUMBNAIL)
    height = read_picture(tmp_path / "red-dots-on-white-sketch-msd-fresh-0_height.png")
    assert height.shape == (3, 64, 64)
    place = np.asarray(sheet.crop((2 * THUMBNAIL, THUMBNAIL, 3 * THUMBNAIL, 2 * THUMBNAIL)).resize((64, 64), 4))
    assert np.abs(place[..., 0] - height[0].numpy() * 255).max() <= 1


def test_methods_make_no_more_calls_than_all_may(judge: Judge) -> None:
    rows = evaluated(judge, small(methods=["noised", "tweedie", "paper", "sds"]), calls=90)["rows"]
    assert all(45 < row["denoiser_calls"] <= 90 for row in rows)


def sample_tile() -> tuple[torch.Tensor, Caption, Reference]:
    caption = Caption("texture", "bricks", "red", "grey")
    reference = draw_reference(ExactPrior(), caption.text(), 256)
    return reference.first, caption, reference


def test_a_sample_of_the_prior_is_as_its_samples_are_wherever_it_is_cut(judge: Judge) -> None:
    tile, caption, reference = sample_tile()
    seen = examine(tile, caption, judge, reference)
    assert seen["contrast"] == pytest.approx(1, abs=0.15)
    assert seen["contrast_ok"]
    assert seen["spectrum"] < 3 * seen["usual_spectrum"]
    # By a quarter, so that the judge sees the same sixteen.
    assert examine(tile.roll((16, 48), (1, 2)), caption, judge, reference) == seen


def test_a_pale_tile_is_found_by_its_contrast_and_a_flat_one_by_both_measures(judge: Judge) -> None:
    tile, caption, reference = sample_tile()
    whole, pale, flat = (examine(0.5 + share * (tile - 0.5), caption, judge, reference) for share in (1, 0.4, 0))
    assert pale["contrast"] == pytest.approx(0.4 * whole["contrast"], abs=0.01)
    assert (whole["contrast_ok"], pale["contrast_ok"], flat["contrast_ok"]) == (True, False, False)
    assert flat["spectrum"] > pale["spectrum"] > whole["spectrum"]


def test_a_tile_is_right_when_the_judge_says_so_at_most_of_the_places(judge: Judge) -> None:
    tile, _, reference = sample_tile()
    verdict = judge.look(looks(tile))
    assert tile.shape[-1] == JUDGED_SIDE
    assert len(verdict.name) == 16
    seen = [int(x.mode().values) for x in (verdict.name, verdict.colour, verdict.second)]
    # In the colours that the judge sees most often, and in others.
    for pattern, colour, second in [("bricks", *seen[1:]), ("dots", *seen[1:]), ("bricks", 0, 11), ("bricks", 3, 2)]:
        caption = Caption("texture", pattern, HUES[colour], HUES[second])
        found = examine(tile, caption, judge, reference)
        assert found["name_right"] == (int((verdict.name == NAMES.index(pattern)).sum()) > 8)
        both = (verdict.colour == colour) & (verdict.second == second)
        assert found["colours_right"] == (int(both.sum()) > 8)


def test_stripes_are_right_in_their_colours_either_way_round() -> None:
    assert answer_of(Caption("texture", "stripes", "blue", "white")) == answer_of(
        Caption("texture", "stripes", "white", "blue")
    )


class Stumbles(ExactPrior):
    """Its third answer about the windows of a step is no number."""

    def __init__(self) -> None:
        self.asked = 0

    def denoise(
        self, noisy: torch.Tensor, sigma: torch.Tensor, conditions: Sequence[ExactCondition]
    ) -> list[torch.Tensor]:
        self.asked += len(noisy) == WINDOWS
        answers = super().denoise(noisy, sigma, conditions)
        return [answer * torch.nan for answer in answers] if len(noisy) == WINDOWS and self.asked == 3 else answers


def test_what_a_job_warned_of_is_in_its_row(judge: Judge) -> None:
    (row,) = evaluate_textures(small(), Stumbles(), judge, calls=8 * WINDOWS)["rows"]
    assert sum("skipped" in warning for warning in row["warnings"]) == 1


def stop_after(count: int) -> Callable[[], None]:
    left = [count]

    def step() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    return step


def test_an_interrupted_evaluation_keeps_its_rows_and_goes_on(judge: Judge, tmp_path: Path) -> None:
    runs, out = small(seeds=range(4)), tmp_path / "new" / "rows.json"
    with pytest.raises(KeyboardInterrupt):
        evaluated(judge, runs, kept=KeptRows(out), on_step=stop_after(2))
    document = json.loads(out.read_text("utf-8"))
    assert [row["seed"] for row in document["rows"]] == [0, 1]
    # A mark that only a row that was not made again can bear.
    document["rows"][1]["seconds"] = 1234.5
    out.write_text(json.dumps(document), "utf-8")
    steps: list[int] = []
    rows = evaluated(judge, runs, kept=KeptRows(out), on_step=lambda: steps.append(1))["rows"]
    assert [row["seed"] for row in rows] == [0, 1, 2, 3]
    assert [row["seconds"] for row in rows].index(1234.5) == 1
    assert json.loads(out.read_text("utf-8"))["rows"] == rows
    assert len(steps) == planned_steps(runs)


def test_rows_of_another_recipe_are_not_taken_for_this_ones_and_stay(judge: Judge, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    (few,) = evaluated(judge, small(), kept=KeptRows(out))["rows"]
    (more,) = evaluated(judge, small(), kept=KeptRows(out), calls=6)["rows"]
    (larger,) = evaluated(judge, small(size=96), kept=KeptRows(out))["rows"]
    assert (few["denoiser_calls"], more["denoiser_calls"]) == (WINDOWS, 6)
    assert json.loads(out.read_text("utf-8"))["rows"] == [few, more, larger]


def test_a_row_whose_picture_is_missing_is_made_again(judge: Judge, tmp_path: Path) -> None:
    out, pictures = tmp_path / "rows.json", tmp_path / "pictures"
    (row,) = evaluated(judge, small(), kept=KeptRows(out))["rows"]
    evaluated(judge, small(), kept=KeptRows(out), pictures=pictures)
    assert (pictures / picture_name(row)).exists()


@pytest.mark.parametrize("holds", ["", "{", "[]", '{"rows": 3}', '{"rows": [{"seed": 1}]}', '{"summary": []}'])
def test_a_file_that_holds_no_rows_is_refused_and_left_alone(holds: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    out.write_text(holds, "utf-8")
    with pytest.raises(BadRequest) as caught:
        KeptRows(out)
    assert caught.value.code == "rows-unreadable"
    assert out.read_text("utf-8") == holds


def rows_of(preset: str, wrong: int, pale: int, seams: Sequence[float] = (1.0,)) -> list[dict[str, Any]]:
    rows = [{**ROW, "preset": preset, "seed": i, "seam_ratio": seams[i % len(seams)]} for i in range(100)]
    rows = [row | ({"right": False, "name_right": False} if row["seed"] < wrong else {}) for row in rows]
    return [row | ({"contrast_ok": False} if row["seed"] < pale else {}) for row in rows]


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        (rows_of("sketch", 5, 10), []),
        (rows_of("sketch", 6, 10), ["right"]),
        (rows_of("sketch", 5, 11), ["contrast"]),
        (rows_of("standard", 2, 5), []),
        (rows_of("standard", 3, 5), ["right"]),
        (rows_of("standard", 2, 6), ["contrast"]),
        (rows_of("sketch", 0, 0, (0.8, 1.25)), []),
        (rows_of("sketch", 0, 0, (0.79, 1.25)), ["seam"]),
        (rows_of("standard", 3, 6, (0.8, 1.26)), ["right", "contrast", "seam"]),
    ],
)
def test_a_gate_holds_up_to_its_bound_and_no_further(rows: list[dict[str, Any]], failed: list[str]) -> None:
    preset = rows[0]["preset"]
    assert summarise(rows)["failed"] == [f"{preset}.msd.fresh.{gate}" for gate in failed]


@pytest.mark.parametrize(("ratio", "failed"), [(0.8, []), (1.25, []), (0.79, ["maps"]), (1.26, ["maps"])])
def test_every_map_has_the_gate_of_the_colour(ratio: float, failed: list[str]) -> None:
    rows = [{**row, "map_seam_ratios": {"normal": 1.0, "ao": ratio}} for row in rows_of("sketch", 0, 0)]
    assert summarise(rows)["failed"] == [f"sketch.msd.fresh.{gate}" for gate in failed]


def test_groups_are_summed_up_apart_and_the_worst_are_shown() -> None:
    wrong = {**ROW, "pattern": "dots", "prompt": "red dots on white", "right": False, "colours_right": False}
    pale = {**ROW, "seed": 7, "contrast": 0.3, "contrast_ok": False}
    rows = [*({**ROW, "seed": i, "spectrum": float(i), "seconds": 4.0} for i in range(6)), wrong, pale]
    summary = summarise([*rows, *({**row, "noise": "attached"} for row in rows[:2])])["summary"]
    first, second = summary
    assert (first["noise"], first["runs"], second["noise"], second["runs"]) == ("fresh", 8, "attached", 2)
    assert first["patterns"] == {"bricks": 1.0, "dots": 0.0}
    assert (first["right"], first["contrast_ok"], first["seconds"]) == (0.875, 0.875, pytest.approx(5.5))
    assert first["worst"] == [wrong, pale, *(rows[i] for i in (5, 4, 3))]
    said = describe(summary, ["sketch.msd.fresh.right"])
    assert "red dots on white" in said
    assert "failed: sketch.msd.fresh.right" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--patterns", "bricks", "paisley"], "paisley"),
        (["--pairs", "7"], "--pairs"),
        (["--pairs", "0"], "--pairs"),
        (["--seeds", "0"], "seeds"),
        (["--seed", "-1"], "seed"),
        (["--presets", "grand"], "grand"),
        (["--methods", "magic"], "magic"),
        (["--noise", "pink"], "pink"),
        (["--size", "7"], ""),
        (["--size", "big"], "--size"),
        (["--out", "rows.csv"], ".json"),
        (["--prior", "/no/such/folder"], "/no/such/folder"),
    ],
)
def test_wrong_usage_exits_2_with_one_clear_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: Any = main(["evaluate", "textures", *arguments])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    assert code == 2
    assert says in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""
