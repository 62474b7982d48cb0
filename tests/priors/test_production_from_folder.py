"""A model from disk drives both kinds of jobs through the same production as the priors that ship."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from server.meshing.export import read_npz
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import Recipe, read_recipe
from server.studio.events import Event, Progress
from server.studio.production import produce
from tests.priors.tiny_pipeline import write_pipeline

STEPS = 4


@pytest.fixture(scope="module", params=["epsilon", "v_prediction"])
def prior(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prior:
    torch.set_num_threads(1)
    return load_prior(str(write_pipeline(tmp_path_factory.mktemp("model"), request.param)))


def recipe(kind: str, prior: Prior, **more: object) -> Recipe:
    size = {"mesh": {"resolution": 32, "faces": 1000}, "texture": {"width": 64, "height": 32}}[kind]
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


def test_the_prompt_reaches_the_picture(prior: Prior, tmp_path: Path) -> None:
    pictures = []
    for prompt in ("a duck", "zebra 9"):
        produce(recipe("texture", prior, prompt=prompt), prior, tmp_path / prompt, lambda event: None, lambda: None)
        with Image.open(tmp_path / prompt / "texture.png") as picture:
            pictures.append(np.asarray(picture).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() > 0
