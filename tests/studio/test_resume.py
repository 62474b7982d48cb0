"""A run that was stopped anywhere goes on as if it had not been, to the same last bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from server.errors import Cancelled
from server.generators.picture import Picture, PictureSubject
from server.generators.radiance_field.hash_grid import HashGridShape
from server.generators.radiance_field.plan import FieldPlan, plan_for
from server.generators.radiance_field.subject import RadianceSubject
from server.generators.subject import Subject
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio import assignment
from server.studio.events import Log
from server.studio.optimisation import Outcome, optimise
from server.studio.production import produce
from server.studio.snapshot import MOST_KEPT, Snapshot, Unfinished
from tests.studio.swatch import OneColour

SMALL = HashGridShape(levels=3, log2_table=10, coarsest=4, finest=16)
STEPS = 60


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior("exact", "cpu")


def field(prior: Prior) -> RadianceSubject:
    return RadianceSubject(
        prior.card.cameras, 2, 16, torch.Generator().manual_seed(0), plan=FieldPlan(shape=SMALL, samples=8)
    )


def picture(prior: Prior) -> PictureSubject:
    made = Picture((1.0, 1.0), (True, True), torch.Generator().manual_seed(0), finest=16, hidden=8)
    return PictureSubject(made, 1, 16, cells=4, seed=0)


def asked(kind: str, **changes: Any) -> Recipe:
    prompt = "a yellow duck" if kind == "mesh" else "red bricks"
    return read_recipe({"kind": kind, "prompt": prompt, "steps": STEPS, "guidance": {"stop_threshold": 0.0}, **changes})


def climb(subject: Subject, prior: Prior, recipe: Recipe, **rest: Any) -> Outcome:
    return optimise(subject, prior, recipe, lambda step: None, lambda: None, lambda warning: None, **rest)


@pytest.mark.parametrize(("kind", "make"), [("mesh", field), ("texture", picture)])
@pytest.mark.parametrize("estimator", ["tweedie", "noised"])
def test_the_rest_of_a_run_is_the_same_from_a_snapshot(kind: str, make: Any, estimator: str, prior: Prior) -> None:
    recipe = asked(kind, guidance={"stop_threshold": 1e-6, "estimator": estimator})
    whole, rest = make(prior), make(prior)
    snapshots: list[Snapshot] = []
    outcome = climb(whole, prior, recipe, on_snapshot=snapshots.append)
    late = next(snapshot for snapshot in snapshots if snapshot.step >= 0.75 * STEPS)
    resumed = climb(rest, prior, recipe, start=late)
    assert (resumed.steps, resumed.denoiser_calls) == (outcome.steps, outcome.denoiser_calls)
    for name, value in whole.state().items():
        assert torch.equal(value, rest.state()[name]), name


@pytest.mark.parametrize("noise", ["attached", "view"])
def test_a_mesh_goes_on_with_the_noise_that_it_had(noise: str, prior: Prior) -> None:
    recipe = asked("mesh", guidance={"stop_threshold": 0.0, "estimator": "noised", "noise": noise})
    whole, rest = field(prior), field(prior)
    snapshots: list[Snapshot] = []
    climb(whole, prior, recipe, on_snapshot=snapshots.append)
    climb(rest, prior, recipe, start=snapshots[len(snapshots) // 2])
    for name, value in whole.state().items():
        assert torch.equal(value, rest.state()[name]), name


def test_a_snapshot_does_not_change_while_the_run_goes_on(prior: Prior) -> None:
    snapshots: list[tuple[Snapshot, dict[str, torch.Tensor]]] = []

    def keep(snapshot: Snapshot) -> None:
        snapshots.append((snapshot, {name: value.clone() for name, value in snapshot.tensors.items()}))

    climb(field(prior), prior, asked("mesh"), on_snapshot=keep)
    for snapshot, then in snapshots:
        assert all(torch.equal(snapshot.tensors[name], value) for name, value in then.items())


@pytest.mark.parametrize("kind", ["mesh", "texture"])
def test_a_cancelled_job_asked_for_again_goes_on_and_ends_in_the_same_bytes(
    kind: str, prior: Prior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    small = {"mesh": {"resolution": 24, "faces": 300, "texture_size": 0}, "texture": {"width": 64, "height": 64}}
    recipe = asked(kind, render_size=16, **{kind: small[kind]})
    unfinished = tmp_path / "unfinished"
    asked_so_often = 0

    def cancel_half_way() -> None:
        nonlocal asked_so_often
        asked_so_often += 1
        if asked_so_often > STEPS // 2:
            raise Cancelled

    produce(recipe, prior, tmp_path / "whole", lambda event: None, lambda: None)
    with pytest.raises(Cancelled):
        produce(recipe, prior, tmp_path / "again", lambda event: None, cancel_half_way, unfinished=unfinished)
    (kept,) = unfinished.iterdir()
    events: list[Any] = []
    produce(recipe, prior, tmp_path / "again", events.append, lambda: None, unfinished=unfinished)
    said = [event.message for event in events if isinstance(event, Log)]
    assert any(f"from step {STEPS // 2} of {STEPS}" in message for message in said)
    if kind == "mesh":
        whole, again = (load_file(tmp_path / name / "field.safetensors") for name in ("whole", "again"))
        assert all(torch.equal(whole[name], again[name]) for name in whole)
        one, other = (np.load(tmp_path / name / "mesh.npz") for name in ("whole", "again"))
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
    else:
        one, other = ((tmp_path / name / "texture.png").read_bytes() for name in ("whole", "again"))
        assert one == other
    reports = [json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8")) for name in ("whole", "again")]
    assert reports[0]["denoiser_calls"] == reports[1]["denoiser_calls"]
    assert not kept.exists()


def test_another_recipe_starts_from_the_beginning(tmp_path: Path, prior: Prior) -> None:
    snapshots: list[Snapshot] = []
    climb(field(prior), prior, asked("mesh", steps=20), on_snapshot=snapshots.append)
    card = prior.card
    Unfinished(tmp_path, asked("mesh", seed=1), card).save(snapshots[-1])
    assert Unfinished(tmp_path, asked("mesh", seed=2), card).load() is None
    assert Unfinished(tmp_path, asked("mesh", seed=1), OneColour.card).load() is None
    back = Unfinished(tmp_path, asked("mesh", seed=1), card).load()
    assert back is not None
    assert back.step == snapshots[-1].step
    assert all(torch.equal(back.tensors[name], value) for name, value in snapshots[-1].tensors.items())


def test_a_damaged_snapshot_costs_the_start_and_not_the_job(tmp_path: Path, prior: Prior) -> None:
    place = Unfinished(tmp_path, asked("mesh"), prior.card)
    place.path.write_bytes(b"half a file")
    assert place.load() is None
    assert not place.path.exists()


SNAPSHOT_DAMAGES: dict[str, Callable[[dict[str, torch.Tensor]], Any]] = {
    "a number that is none": lambda tensors: tensors["subject.field.grid.table"].view(-1)[0].fill_(float("nan")),
    "moments that are none": lambda tensors: tensors["adam.0.exp_avg"].view(-1)[0].fill_(float("nan")),
    "another grid": lambda tensors: tensors.update({"subject.field.grid.table": torch.zeros(3, 2)}),
    "no grid": lambda tensors: tensors.pop("subject.field.grid.table"),
    "no looks": lambda tensors: tensors.pop("subject.looks"),
    "another occupancy": lambda tensors: tensors.update({"subject.occupancy": torch.zeros(5)}),
    "other moments": lambda tensors: tensors.update({"adam.0.exp_avg": torch.zeros(3)}),
    "lost moments": lambda tensors: tensors.pop("adam.1.exp_avg_sq"),
    "no counters": lambda tensors: tensors.pop("counters"),
    "other counters": lambda tensors: tensors.update(counters=torch.zeros(2)),
}


@pytest.mark.parametrize("damage", [*SNAPSHOT_DAMAGES, "half a file", "another file", "a step beyond the end"])
def test_a_run_whose_snapshot_is_damaged_starts_anew_and_says_so(damage: str, tmp_path: Path) -> None:
    prior = OneColour()
    small = {"resolution": 16, "faces": 300, "texture_size": 0}
    recipe = asked("mesh", steps=8, render_size=16, views_per_step=2, mesh=small)
    snapshots: list[Snapshot] = []
    generator = torch.Generator().manual_seed(0)
    subject = RadianceSubject(prior.card.cameras, 2, 16, generator, plan=plan_for(prior.card.fixed_light, "cpu"))
    climb(subject, prior, recipe, on_snapshot=snapshots.append)
    place = Unfinished(tmp_path / "unfinished", recipe, prior.card)
    late = snapshots[4]
    place.save(late)
    if damage == "half a file":
        place.path.write_bytes(place.path.read_bytes()[:-1000])
    elif damage == "another file":
        save_file({"counters": torch.zeros(4)}, place.path)
    elif damage == "a step beyond the end":
        place.save(replace(late, step=9))
    else:
        tensors = {name: tensor.clone() for name, tensor in late.tensors.items()}
        SNAPSHOT_DAMAGES[damage](tensors)
        place.save(replace(late, tensors=tensors))
    events: list[Any] = []
    report = produce(recipe, prior, tmp_path / "out", events.append, lambda: None, unfinished=tmp_path / "unfinished")
    said = [event.message for event in events if isinstance(event, Log) and event.level == "warning"]
    assert len(said) == 1
    assert "starts anew" in said[0]
    produce(recipe, prior, tmp_path / "fresh", lambda event: None, lambda: None)
    ours, theirs = (load_file(tmp_path / name / "field.safetensors") for name in ("out", "fresh"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert report["steps"] == 8


def test_the_disk_does_not_fill_with_runs_that_nobody_goes_on_with(tmp_path: Path, prior: Prior) -> None:
    snapshot = Snapshot({"counters": torch.zeros(4)}, 5, 1.0)
    for seed in range(MOST_KEPT + 3):
        Unfinished(tmp_path, asked("mesh", seed=seed), prior.card).save(snapshot)
    assert len(list(tmp_path.iterdir())) == MOST_KEPT
    assert Unfinished(tmp_path, asked("mesh", seed=MOST_KEPT + 2), prior.card).load() is not None
