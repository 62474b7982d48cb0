"""A model from disk, of every family, drives both kinds of jobs through the same production as the priors that ship."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.evaluation.methods import guidance_of
from server.meshing.export import read_npz
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio.events import Event, Progress
from server.studio.plan import plan_of
from server.studio.production import produce
from tests.priors.tiny_families import write_model
from tests.priors.tiny_pipeline import write_pipeline
from tests.priors.tiny_single_file import write_single_file

STEPS = 4
MODELS: dict[str, Callable[[Path], Path]] = {
    "SD 2, v": lambda path: write_model(path, "sd2", "v_prediction"),
    "SD 1, sample": lambda path: write_model(path, "sd1", "sample"),
    "SD 1, single file": lambda path: write_single_file(path / "art.safetensors", "sd1"),
    "SDXL": lambda path: write_model(path, "sdxl"),
    "SDXL, v, single file": lambda path: write_single_file(path / "art.safetensors", "sdxl", prediction_type="v"),
    "SD 3": lambda path: write_model(path, "sd3"),
    "SD 3.5 with T5, single file": lambda path: write_single_file(path / "art.safetensors", "sd3 with T5"),
}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Prior:
    return load_prior(str(write_pipeline(tmp_path_factory.mktemp("model"))))


def recipe(kind: str, prior: Prior, **more: object) -> Recipe:
    size = {"mesh": {"resolution": 32, "faces": 1000, "texture_size": 0}, "texture": {"width": 64, "height": 32}}[kind]
    return read_recipe({"kind": kind, "prompt": "a duck", "prior": prior.card.name, "steps": STEPS, kind: size} | more)


@pytest.mark.parametrize("estimator", ["paper", "exact", "tweedie"])
def test_a_mesh_is_made(prior: Prior, estimator: str, tmp_path: Path) -> None:
    events: list[Event] = []
    job = recipe("mesh", prior, guidance={"estimator": estimator, "sampler_steps": 2})
    report = produce(job, prior, tmp_path, events.append, lambda: None)
    assert (report["steps"], report["stopped_by"], report["skipped_steps"]) == (STEPS, "steps", 0)
    # Classifier-free guidance at the card's scale: two evaluations for each answer.
    assert report["denoiser_calls"] >= 2 * STEPS
    mesh = read_npz(tmp_path / "mesh.npz")
    assert len(mesh.triangle) == report["faces"] > 0
    assert any(isinstance(event, Progress) and event.step == STEPS for event in events)


@pytest.mark.parametrize("method", ["msd", "sds"])
def test_a_texture_is_made(prior: Prior, method: str, tmp_path: Path) -> None:
    job = recipe("texture", prior, guidance={"method": method, "sampler_steps": 2})
    report = produce(job, prior, tmp_path, lambda event: None, lambda: None)
    assert (report["width"], report["height"], report["steps"]) == (64, 32, STEPS)
    with Image.open(tmp_path / "texture.png") as picture:
        assert picture.size == (64, 32)


@pytest.mark.parametrize(("name", "low_vram"), [*((name, False) for name in MODELS), ("SDXL", True)])
def test_every_family_makes_a_mesh_and_a_texture(name: str, low_vram: bool, tmp_path: Path) -> None:
    prior = load_prior(str(MODELS[name](tmp_path / "model")), low_vram=low_vram)
    for kind in ("mesh", "texture"):
        job = recipe(kind, prior, guidance={"sampler_steps": 2}, steps=2, views_per_step=2)
        report = produce(job, prior, tmp_path / kind, lambda event: None, lambda: None)
        assert (report["steps"], report["skipped_steps"]) == (2, 0)
    assert len(read_npz(tmp_path / "mesh" / "mesh.npz").triangle) > 0
    with Image.open(tmp_path / "texture" / "texture.png") as picture:
        assert picture.size == (64, 32)


@pytest.mark.parametrize("name", MODELS)
def test_every_family_runs_both_modes_with_its_default_recipe_shortened_and_objects_with_the_papers(
    name: str, tmp_path: Path
) -> None:
    prior = load_prior(str(MODELS[name](tmp_path / "model")))
    runs: list[tuple[str, dict[str, str], tuple[str, str | None, bool]]] = [
        ("mesh", {}, ("noised", None, True)),
        ("mesh", {"estimator": "paper"}, ("paper", "inversion", True)),
        ("texture", {}, ("paper", "inversion", False)),
    ]
    for kind, guidance, rule in runs:
        job = recipe(kind, prior, steps=2, guidance=guidance)
        plan = plan_of(job, prior.card)
        assert (plan.estimator, plan.centre, plan.perp_neg) == rule
        report = produce(job, prior, tmp_path / kind, lambda event: None, lambda: None, most_starts=1)
        assert report["denoiser_calls"] == plan.calls
        assert (report["steps"], report["skipped_steps"]) == (2, 0)


@pytest.mark.parametrize("noise", ["fresh", "attached", "view"])
@pytest.mark.parametrize(
    "rule", ["noised", "tweedie", "exact", "paper-random", "paper-inversion", "sds", "sdi", "flow"]
)
def test_every_rule_takes_every_noise_and_costs_what_its_plan_says(
    rule: str, noise: str, prior: Prior, tmp_path: Path
) -> None:
    for kind in ("mesh", "texture"):
        job = recipe(
            kind, prior, steps=2, guidance={**guidance_of(rule), "noise": noise, "sampler_steps": 3, "fits": 1}
        )
        report = produce(job, prior, tmp_path / kind, lambda event: None, lambda: None, most_starts=1)
        assert report["denoiser_calls"] == plan_of(job, prior.card).calls
        assert (report["steps"], report["skipped_steps"]) == (2, 0)


@pytest.mark.parametrize("perpendicular", [False, True])
def test_a_negative_prompt_changes_the_picture_and_perpendicular_costs_a_third_evaluation(
    prior: Prior, perpendicular: bool, tmp_path: Path
) -> None:
    pictures, calls = [], []
    for negative in ("", "zebra 9"):
        guidance = {"method": "sds", "perpendicular_negative": perpendicular}
        job = recipe("texture", prior, negative_prompt=negative, guidance=guidance)
        calls.append(produce(job, prior, tmp_path / negative, lambda event: None, lambda: None)["denoiser_calls"])
        with Image.open(tmp_path / negative / "texture.png") as picture:
            pictures.append(np.asarray(picture).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 0
    # The tile is two windows wide.
    assert calls == [2 * 2 * STEPS, (3 if perpendicular else 2) * 2 * STEPS]


def test_what_to_avoid_takes_no_words_for_views(prior: Prior, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    condition = prior.condition
    monkeypatch.setattr(
        prior, "condition", lambda text, views=None: asked.append((text, views is None)) or condition(text, views)
    )
    produce(recipe("mesh", prior, negative_prompt="blurry"), prior, tmp_path, lambda event: None, lambda: None)
    assert {*asked} == {
        ("a duck", False),
        ("blurry", True),
        ("a duck, front view", True),
        ("a duck, side view", True),
    }


def test_the_prompt_reaches_the_picture(prior: Prior, tmp_path: Path) -> None:
    pictures = []
    for prompt in ("a duck", "zebra 9"):
        produce(recipe("texture", prior, prompt=prompt), prior, tmp_path / prompt, lambda event: None, lambda: None)
        with Image.open(tmp_path / prompt / "texture.png") as picture:
            pictures.append(np.asarray(picture).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 0
