"""What is kept of a run: when it is asked for, when it is time, and with the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from server.errors import Cancelled
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio import assignment
from server.studio.assignment import set_aside
from server.studio.events import Progress
from server.studio.production import produce
from server.studio.snapshot import MOST_KEPT, Snapshot, Unfinished

MESH = {"resolution": 24, "faces": 300, "texture_size": 64}


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("exact", "cpu")


@pytest.fixture(autouse=True)
def never_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 1e9)


def recipe(kind: str = "texture", steps: int = 30) -> Recipe:
    prompt = "a red cube" if kind == "mesh" else "red bricks"
    small = {"mesh": MESH, "texture": {"width": 32, "height": 32}}[kind]
    return read_recipe({"kind": kind, "prompt": prompt, "steps": steps, "render_size": 16, kind: small})


def kept_step(folder: Path, asked: Recipe, prior: Prior) -> int | None:
    snapshot = Unfinished(folder, asked, prior.card).load()
    return None if snapshot is None else snapshot.step


def keep_and_leave(after: int) -> Callable[[], Literal["keep"] | None]:
    """Asks for a snapshot before the step `after`, then leaves, as a pause and the end of the server do."""
    asked = 0

    def should_stop() -> Literal["keep"] | None:
        nonlocal asked
        asked += 1
        if asked > after + 1:
            raise Cancelled
        return "keep" if asked == after + 1 else None

    return should_stop


def test_a_run_that_is_left_keeps_the_very_step_that_it_had_reached(prior: Prior, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        produce(recipe(), prior, tmp_path / "out", lambda _: None, keep_and_leave(7), unfinished=tmp_path / "kept")
    assert kept_step(tmp_path / "kept", recipe(), prior) == 7


@pytest.mark.parametrize("phase", ["Surface", "Clean-up", "Reduce", "Colour", "Unwrap", "Bake", "Saving"])
def test_a_run_that_ends_in_a_later_phase_goes_on_without_any_step_done_again(
    phase: str, prior: Prior, tmp_path: Path
) -> None:
    asked = recipe("mesh", steps=6)
    produce(asked, prior, tmp_path / "whole", lambda _: None, lambda: None)

    def die_in_phase(event: Any) -> None:
        if isinstance(event, Progress) and event.phase == phase:
            raise Cancelled

    with pytest.raises(Cancelled):
        produce(asked, prior, tmp_path / "out", die_in_phase, lambda: None, unfinished=tmp_path / "kept")
    events: list[Any] = []
    produce(asked, prior, tmp_path / "out", events.append, lambda: None, unfinished=tmp_path / "kept")
    assert not [event for event in events if isinstance(event, Progress) and event.phase == "Shaping"]
    one, other = (np.load(tmp_path / name / "mesh.npz") for name in ("whole", "out"))
    assert all(np.array_equal(one[name], other[name]) for name in one.files)


def test_a_run_that_was_to_finish_early_and_is_asked_for_anew_makes_all_of_its_steps(
    prior: Prior, tmp_path: Path
) -> None:
    asked = recipe()
    answers: list[Any] = [None, None, "finish"]

    def die(event: Any) -> None:
        if isinstance(event, Progress) and event.phase == "Saving":
            raise Cancelled

    with pytest.raises(Cancelled):
        produce(
            asked, prior, tmp_path / "out", die, lambda: answers.pop(0), unfinished=tmp_path / "kept", most_starts=1
        )
    report = produce(asked, prior, tmp_path / "out", lambda _: None, lambda: None, unfinished=tmp_path / "kept")
    assert report["steps"] == 30


def test_a_run_that_will_go_on_is_kept_however_many_others_are_kept_meanwhile(prior: Prior, tmp_path: Path) -> None:
    snapshot = Snapshot({"counters": torch.zeros(4)}, 5, 1.0)
    kept = [Unfinished(tmp_path, recipe(steps=40 + number), prior.card) for number in range(2 * MOST_KEPT)]
    for number, place in enumerate(kept[:MOST_KEPT]):
        place.save(snapshot)
        set_aside(recipe(steps=40 + number), prior, tmp_path)
    for place in kept[MOST_KEPT:]:
        place.save(snapshot)
    assert all(place.load() is not None for place in kept)
    kept[0].discard()
    assert kept[0].load() is None
