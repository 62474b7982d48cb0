"""A texture that came out flat, or as noise, is tried once more, and what stays so is never simply done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from server.commands.main import main
from server.errors import Cancelled
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio import assignment
from server.studio.events import Log, Progress
from server.studio.production import produce
from server.studio.starts import TOO_FEW_STEPS, second_seed
from server.studio.tensor_files import read_tensors, write_tensors
from tests.studio.wiener import Wiener

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 24
SIDE = 32
WINDOWS = 1
FREQUENCY = torch.fft.fftfreq(SIDE, 1 / SIDE).abs()
COARSE = (FREQUENCY < 4) & (FREQUENCY[:, None] < 4)
# Variance at each frequency: what a prior believes of pictures around one colour.
FLAT, NOISE, PATTERN = torch.tensor(1e-6), torch.tensor(0.09), COARSE.float() + 1e-6
BROKEN = torch.tensor(float("nan"))


class Minded(Wiener):
    """A prior that changes its mind after every `steps` steps."""

    def __init__(self, *beliefs: Tensor, steps: int = STEPS) -> None:
        super().__init__(SIDE, lambda asked: beliefs[min(asked // steps, len(beliefs) - 1)])


def asked(**changes: Any) -> Recipe:
    sides = {"texture": {"width": SIDE, "height": SIDE}}
    return read_recipe(
        {"kind": "texture", "prompt": "anything", "steps": STEPS, "views_per_step": WINDOWS, **sides, **changes}
    )


def make(prior: Prior, recipe: Recipe, folder: Path, **rest: Any) -> tuple[dict[str, Any], list[Any]]:
    events: list[Any] = []
    should_stop: Callable[[], Any] = rest.pop("should_stop", lambda: None)
    report = produce(recipe, prior, folder, events.append, should_stop, **rest)
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == report
    return report, events


def said(events: Sequence[Any], level: str) -> list[str]:
    return [event.message for event in events if isinstance(event, Log) and event.level == level]


def test_what_came_out_flat_is_made_anew_and_nobody_is_warned(tmp_path: Path) -> None:
    report, events = make(Minded(FLAT, PATTERN), asked(seed=3), tmp_path)
    assert "warning" not in report
    assert (report["starts"], report["made_from_seed"]) == (2, second_seed(3))
    assert said(events, "info") == ["Starting again: the texture came out flat, in one colour."]
    assert said(events, "warning") == []


def test_what_came_out_well_starts_once(tmp_path: Path) -> None:
    report, events = make(Minded(PATTERN), asked(seed=3), tmp_path)
    assert (report["starts"], report["made_from_seed"], report["steps"]) == (1, 3, STEPS)
    assert "warning" not in report
    assert not any(isinstance(event, Log) for event in events)


@pytest.mark.parametrize(("belief", "fault"), [(FLAT, "flat"), (NOISE, "noise")])
def test_what_comes_out_badly_twice_ends_with_a_named_warning(belief: Tensor, fault: str, tmp_path: Path) -> None:
    prior = Minded(belief)
    report, events = make(prior, asked(), tmp_path)
    assert (report["starts"], report["warning"]) == (2, fault)
    (warning,) = said(events, "warning")
    assert "twice" in warning
    assert "Try other words" in warning
    told = [event for event in events if isinstance(event, Progress)]
    fractions = [event.fraction for event in told]
    assert fractions == sorted(fractions)
    calls = [event.denoiser_calls for event in told if event.step]
    assert calls == sorted(calls)
    assert report["denoiser_calls"] == calls[-1] == 2 * STEPS * WINDOWS
    assert prior.asked == 2 * STEPS
    phases = list(dict.fromkeys(event.phase for event in told))
    assert phases == ["Loading", "Painting", "Painting again", "Saving", "Done"]


def test_the_better_of_both_is_kept(tmp_path: Path) -> None:
    alone, _ = make(Minded(NOISE), asked(seed=3), tmp_path / "alone", most_starts=1)
    report, _ = make(Minded(NOISE, FLAT), asked(seed=3), tmp_path / "both")
    assert (report["made_from_seed"], report["warning"], report["starts"]) == (3, alone["warning"], 2)
    assert picture(tmp_path / "both") == picture(tmp_path / "alone")


def test_a_second_start_that_fails_leaves_the_first(tmp_path: Path) -> None:
    report, events = make(Minded(FLAT, BROKEN), asked(), tmp_path)
    assert (report["starts"], report["warning"]) == (1, "flat")
    assert any("second start failed" in warning for warning in said(events, "warning"))


def test_the_same_recipe_gives_the_same_bytes_in_two_starts(tmp_path: Path) -> None:
    for name in ("one", "other"):
        make(Minded(NOISE), asked(seed=5), tmp_path / name)
    assert picture(tmp_path / "one") == picture(tmp_path / "other")


@pytest.mark.parametrize("change", [{"time_budget_s": 1e-9}, {"time_budget_s": 1000.0}, {"steps": TOO_FEW_STEPS}])
def test_little_time_or_few_steps_are_no_reason_to_start_again(change: dict[str, Any], tmp_path: Path) -> None:
    report, events = make(Minded(FLAT), asked(**change), tmp_path)
    assert (report["starts"], report["warning"]) == (1, "flat")
    assert len(said(events, "warning")) == 1
    assert said(events, "info") == []


@pytest.mark.parametrize("step", [0, STEPS // 2, STEPS])
def test_whoever_wants_it_finished_gets_no_second_start(step: int, tmp_path: Path) -> None:
    prior = Minded(FLAT)
    report, events = make(prior, asked(), tmp_path, should_stop=lambda: "finish" if prior.asked >= step else None)
    assert (report["starts"], report["steps"], report["warning"]) == (1, step, "flat")
    assert len(said(events, "warning")) == 1


def test_whoever_wants_the_second_finished_gets_one_of_both_and_a_warning(tmp_path: Path) -> None:
    prior = Minded(FLAT)
    report, events = make(prior, asked(), tmp_path, should_stop=lambda: "finish" if prior.asked >= STEPS + 5 else None)
    assert (report["starts"], report["warning"]) == (2, "flat")
    assert report["denoiser_calls"] == (STEPS + 5) * WINDOWS
    assert len(said(events, "warning")) == 1


def interrupted(prior: Minded, at: int, folder: Path, unfinished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)

    def cancel() -> None:
        if prior.asked >= at:
            raise Cancelled

    with pytest.raises(Cancelled):
        make(prior, asked(seed=5), folder, should_stop=cancel, unfinished=unfinished)


@pytest.mark.parametrize(
    ("belief", "at"), [(FLAT, STEPS + 10), *((NOISE, at) for at in (STEPS // 2, STEPS, STEPS + 1, 2 * STEPS - 1))]
)
def test_a_run_that_is_killed_in_either_start_ends_in_the_same_bytes(
    belief: Tensor, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = make(Minded(belief), asked(seed=5), tmp_path / "whole")
    unfinished = tmp_path / "unfinished"
    interrupted(Minded(belief), at, tmp_path / "again", unfinished, monkeypatch)
    prior = Minded(belief)
    report, events = make(prior, asked(seed=5), tmp_path / "again", unfinished=unfinished)
    assert picture(tmp_path / "again") == picture(tmp_path / "whole")
    same = ("starts", "made_from_seed", "warning", "denoiser_calls", "steps", "stopped_by")
    assert [report[name] for name in same] == [whole[name] for name in same]
    # What the first start had made is not made again.
    assert prior.asked == 2 * STEPS - at
    assert len(said(events, "warning")) == 1
    assert list(unfinished.iterdir()) == []


def lose_the_first(tensors: dict[str, Tensor]) -> None:
    del tensors["first.counts"]


def lose_its_picture(tensors: dict[str, Tensor]) -> None:
    del tensors["first.picture.grids.0"]


def confuse_its_end(tensors: dict[str, Tensor]) -> None:
    tensors["first.counts"][-1] = 7


def lose_the_second(tensors: dict[str, Tensor]) -> None:
    del tensors["counters"]


@pytest.mark.parametrize("damage", [lose_the_first, lose_its_picture, confuse_its_end, lose_the_second])
def test_a_second_start_whose_snapshot_is_damaged_starts_right(
    damage: Callable[[dict[str, Tensor]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(Minded(NOISE), asked(seed=5), tmp_path / "whole")
    unfinished = tmp_path / "unfinished"
    interrupted(Minded(NOISE), STEPS + 10, tmp_path / "again", unfinished, monkeypatch)
    (path,) = unfinished.glob("*-2.safetensors")
    about, tensors = read_tensors(path)
    damage(tensors)
    write_tensors(path, tensors, about)
    report, events = make(Minded(NOISE), asked(seed=5), tmp_path / "again", unfinished=unfinished)
    assert "starts anew" in said(events, "warning")[0]
    assert picture(tmp_path / "again") == picture(tmp_path / "whole")
    assert report["starts"] == 2


def test_fresh_noise_that_averages_a_fine_pattern_away_is_told(tmp_path: Path) -> None:
    guidance = {"noise": "fresh"}
    sides = {"texture": {"width": 64, "height": 64}}
    recipe = asked(prompt="brown planks", preset="sketch", steps=30, guidance=guidance, **sides)
    report, events = make(load_prior("embedded"), recipe, tmp_path)
    assert report["warning"] == "flat"
    assert "noise attached to the tile" in said(events, "warning")[0]


def test_the_command_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cheap = ["--prior", "exact", "--steps", str(STEPS), "--size", "32", "--render-size", "16"]
    assert main(["texture", "red dots on red", *cheap, "--out", str(tmp_path / "dots.png")]) == 0
    told = capsys.readouterr()
    assert "Starting again: the texture came out flat" in told.err
    assert "warning: The texture came out flat, in one colour, twice" in told.err
    assert "warning: flat\n" in told.out


def picture(folder: Path) -> bytes:
    return (folder / "texture.png").read_bytes()
