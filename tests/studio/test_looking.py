"""A quick look stops where one can tell what it will be; what goes on from it is the run that was never stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.priors.card import Effort, Efforts, Leg
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio.events import Progress
from server.studio.kept_names import THUMBNAIL
from server.studio.look_steps import steps_of_look
from server.studio.looking import Looked
from server.studio.production import produce
from server.studio.snapshot import Unfinished
from server.studio.thumbnail import SIDE

ONE_CLIMB = (Leg("fresh", 2.0, 0.1),)
SMALL = {"mesh": {"resolution": 24, "faces": 300, "texture_size": 64}, "texture": {"width": 32, "height": 32}}


@pytest.fixture(scope="module")
def prior() -> Prior:
    """One whose sketches have twenty steps, so that seven are a look."""
    prior = load_prior("exact", "cpu")
    prior.card = replace(prior.card, objects=Efforts(Effort(20), Effort(40), Effort(80)))
    return prior


def recipe(kind: str = "mesh", steps: int = 20, **more: Any) -> Recipe:
    prompt = "a red cube" if kind == "mesh" else "red bricks"
    return read_recipe({"kind": kind, "prompt": prompt, "steps": steps, "render_size": 16, kind: SMALL[kind], **more})


def run(asked: Recipe, prior: Prior, folder: Path, unfinished: Path, is_look: bool) -> tuple[dict[str, Any], list[int]]:
    """The report, and the numbers of the steps that were made."""
    steps: list[int] = []

    def on_event(event: Any) -> None:
        if isinstance(event, Progress) and event.phase in ("Shaping", "Painting"):
            steps.append(event.step)

    try:
        report = produce(
            asked, prior, folder, on_event, lambda: None, "cpu", unfinished, keeps_end=True, is_look=is_look
        )
    except Looked:
        report = {}
    return report, steps


@pytest.mark.parametrize(("kind", "looked"), [("mesh", 7), ("texture", 8)])
def test_a_look_and_its_rest_make_the_same_steps_and_the_same_bits_as_one_run(
    kind: str, looked: int, prior: Prior, tmp_path: Path
) -> None:
    asked, unfinished = recipe(kind), tmp_path / "unfinished"
    nothing, first = run(asked, prior, tmp_path / "made", unfinished, True)
    assert nothing == {}
    assert first == list(range(1, looked + 1))
    report, rest = run(asked, prior, tmp_path / "made", unfinished, False)
    assert rest == list(range(looked + 1, 21))
    whole, _ = run(asked, prior, tmp_path / "whole", tmp_path / "other", False)
    assert report["denoiser_calls"] == whole["denoiser_calls"]
    if kind == "mesh":
        with np.load(tmp_path / "made" / "mesh.npz") as one, np.load(tmp_path / "whole" / "mesh.npz") as other:
            assert all(np.array_equal(one[name], other[name]) for name in one.files)
    else:
        assert (tmp_path / "made/texture.png").read_bytes() == (tmp_path / "whole/texture.png").read_bytes()


def test_a_look_leaves_a_thumbnail_and_its_state_and_no_result(prior: Prior, tmp_path: Path) -> None:
    asked = recipe()
    run(asked, prior, tmp_path / "made", tmp_path / "unfinished", True)
    assert [path.name for path in (tmp_path / "made").iterdir()] == [THUMBNAIL]
    with Image.open(tmp_path / "made" / THUMBNAIL) as picture:
        assert picture.size == (SIDE, SIDE)
    kept = Unfinished(tmp_path / "unfinished", asked, prior.card).load()
    assert kept is not None
    assert (kept.step, kept.ended) == (7, "")


def test_a_look_that_was_cut_off_behind_its_last_step_is_a_look_nevertheless(prior: Prior, tmp_path: Path) -> None:
    asked = recipe()
    run(asked, prior, tmp_path / "made", tmp_path / "unfinished", True)
    (tmp_path / "made" / THUMBNAIL).unlink()
    nothing, steps = run(asked, prior, tmp_path / "made", tmp_path / "unfinished", True)
    assert (nothing, steps) == ({}, [])
    assert (tmp_path / "made" / THUMBNAIL).is_file()


def test_what_is_not_longer_than_a_look_is_made_at_once(prior: Prior, tmp_path: Path) -> None:
    report, steps = run(recipe(steps=7), prior, tmp_path / "made", tmp_path / "unfinished", True)
    assert len(steps) == 7
    assert "mesh.glb" in report["artifacts"]


def test_a_look_takes_as_long_whatever_the_quality(prior: Prior) -> None:
    card = prior.card
    assert {steps_of_look(recipe(steps=steps), card) for steps in (20, 40, 4000)} == {7}


def test_a_look_at_a_texture_waits_for_the_end_of_its_first_leg(prior: Prior) -> None:
    asked = recipe("texture", steps=50)
    one, three = Leg("attached", 5.0, 0.1), (Leg("attached", 5.0, 0.2, 0.3), *ONE_CLIMB)
    for legs, steps in ((ONE_CLIMB, 20), (three, 15), ((one,), 50)):
        assert steps_of_look(asked, replace(prior.card, picture=legs)) == steps
    assert steps_of_look(recipe("texture", steps=1), prior.card) == 1
