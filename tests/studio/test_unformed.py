"""A mesh that nothing came of is never simply done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.errors import Cancelled
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import read_recipe
from server.studio import assignment
from server.studio.climb import StopRequest
from server.studio.events import Log
from server.studio.production import produce
from server.studio.unformed import LEAST_CHANGE, is_unformed

pytestmark = pytest.mark.usefixtures("one_thread")

ENOUGH, FEW = 60, 20
# Every picture looks alike to it.
TOO_WIDE = {"bandwidth_start": 50.0, "bandwidth_end": 50.0}


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("exact")


def make(
    prior: Prior,
    steps: int,
    folder: Path,
    prompt: str = "a red cube",
    should_stop: StopRequest = lambda: None,
    **guidance: float,
) -> tuple[dict[str, Any], list[str]]:
    """The report and the warnings."""
    warnings: list[str] = []

    def on_event(event: object) -> None:
        if isinstance(event, Log) and event.level == "warning":
            warnings.append(event.message)

    mesh = {"resolution": 16, "faces": 200, "texture_size": 64}
    asked = {"kind": "mesh", "prompt": prompt, "prior": "exact", "steps": steps, "render_size": 16, "mesh": mesh}
    recipe = read_recipe({**asked, "guidance": guidance})
    report = produce(recipe, prior, folder, on_event, should_stop, unfinished=folder.parent / "unfinished")
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")).get("warning") == report.get("warning")
    return report, warnings


def test_an_object_that_looks_as_before_the_first_step_ends_with_a_named_warning(prior: Prior, tmp_path: Path) -> None:
    report, warnings = make(prior, FEW + 1, tmp_path / "made", **TOO_WIDE)
    assert report["warning"] == "unformed"
    (warning,) = (warning for warning in warnings if "before the first step" in warning)
    assert f"{report['steps']} steps" in warning
    assert "Try it with more" in warning


def test_one_that_was_told_to_finish_at_once_is_warned_of(prior: Prior, tmp_path: Path) -> None:
    report, warnings = make(prior, ENOUGH, tmp_path / "made", should_stop=lambda: "finish")
    assert report["warning"] == "unformed"
    assert sum("before the first step" in warning for warning in warnings) == 1


def test_who_asks_for_no_more_steps_than_warming_up_has_knows_it(prior: Prior, tmp_path: Path) -> None:
    report, warnings = make(prior, FEW, tmp_path / "made", **TOO_WIDE)
    assert "warning" not in report
    assert not any("first step" in warning for warning in warnings)


@pytest.mark.parametrize("prompt", ["a red cube", "a grey cube", "a white ball"])
def test_an_object_that_was_formed_is_simply_done_whatever_its_colour(
    prompt: str, prior: Prior, tmp_path: Path
) -> None:
    report, warnings = make(prior, ENOUGH, tmp_path / "made", prompt)
    assert "warning" not in report
    assert not any("first step" in warning for warning in warnings)


def test_what_was_formed_before_a_stop_counts(prior: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    asked_so_often = 0

    def leave_near_the_end() -> None:
        nonlocal asked_so_often
        asked_so_often += 1
        if asked_so_often == ENOUGH - 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        make(prior, ENOUGH, tmp_path / "left", should_stop=leave_near_the_end)
    assert any((tmp_path / "unfinished").iterdir())
    report, _ = make(prior, ENOUGH, tmp_path / "made")
    assert "warning" not in report


def test_pictures_are_compared_in_their_colours_from_0_to_1() -> None:
    before = np.zeros((8, 8, 3), np.uint8)
    assert is_unformed(before, before)
    assert is_unformed(before, before + np.uint8(255 * LEAST_CHANGE - 1))
    assert not is_unformed(before, before + np.uint8(255 * LEAST_CHANGE + 1))
    assert not is_unformed(before + np.uint8(255), before)
