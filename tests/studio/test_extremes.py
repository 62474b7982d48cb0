"""What a recipe accepts can be made: the ends of its ranges, through the real path, or a refusal that says why."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from server.errors import BadRequest
from server.priors.catalogue import load_prior
from server.priors.denoiser import Prior
from server.recipe import LEAST_BANDWIDTH, read_recipe
from server.studio.production import produce
from tests.studio.swatch import OneColour

TEXTURE: dict[str, Any] = {
    "kind": "texture",
    "prompt": "red bricks",
    "steps": 2,
    "render_size": 16,
    "texture": {"width": 32, "height": 32},
}
BALL: dict[str, Any] = {"kind": "mesh", "prompt": "a red ball", "steps": 1, "render_size": 16}
TINY = {"resolution": 16, "faces": 100, "texture_size": 64}


@pytest.fixture(scope="module")
def exact() -> Prior:
    return load_prior("exact")


@pytest.fixture(scope="module")
def embedded() -> Prior:
    return load_prior("embedded")


@pytest.mark.parametrize("method", ["paper", "exact", "tweedie", "noised", "sds", "sdi"])
def test_every_method_works_at_both_ends_of_the_bandwidth(method: str, exact: Prior, tmp_path: Path) -> None:
    named = {"method": method} if method in ("sds", "sdi") else {"estimator": method}
    for number, (start, end) in enumerate(product((LEAST_BANDWIDTH, 100.0), repeat=2)):
        if start >= end:
            guidance = {**named, "bandwidth_start": start, "bandwidth_end": end, "sampler_steps": 2}
            recipe = read_recipe(TEXTURE | {"prior": "exact", "guidance": guidance})
            report = produce(recipe, exact, tmp_path / str(number), lambda event: None, lambda: None)
            assert report["skipped_steps"] == 0


@pytest.mark.parametrize("guidance", [{"scale": 200.0, "bandwidth_start": 100.0}, {"scale": 0.0}, {"scale": 1.0}])
@pytest.mark.parametrize("method", ["msd", "sdi"])
def test_every_guidance_scale_works(method: str, guidance: dict[str, float], embedded: Prior, tmp_path: Path) -> None:
    recipe = read_recipe(TEXTURE | {"guidance": {**guidance, "method": method, "sampler_steps": 2}})
    report = produce(recipe, embedded, tmp_path, lambda event: None, lambda: None)
    assert report["skipped_steps"] == 0


@pytest.mark.parametrize(
    "mesh", [{"faces": 0}, {"faces": 1}, {"faces": 2_000_000}, {"texture_size": 0}, {"level": 5e-324}]
)
def test_every_budget_of_a_mesh_works(mesh: dict[str, Any], exact: Prior, tmp_path: Path) -> None:
    recipe = read_recipe(BALL | {"prior": "exact", "mesh": TINY | mesh})
    assert produce(recipe, exact, tmp_path, lambda event: None, lambda: None)["faces"] > 0


def test_a_time_budget_of_nothing_still_ends_in_a_result(exact: Prior, tmp_path: Path) -> None:
    recipe = read_recipe(TEXTURE | {"prior": "exact", "time_budget_s": 5e-324})
    report = produce(recipe, exact, tmp_path, lambda event: None, lambda: None)
    assert (report["stopped_by"], report["steps"]) == ("time", 0)


@pytest.mark.parametrize(
    "change",
    [
        {"guidance": {"bandwidth_start": 5e-228}},
        {"guidance": {"bandwidth_end": 1e-40}},
        {"texture": {"width": 1, "height": 4096}},
        {"render_size": 1024, "views_per_step": 5},
        {"render_size": 512, "views_per_step": 17},
    ],
)
def test_what_cannot_be_made_is_refused_by_the_recipe(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        read_recipe(TEXTURE | change)
    assert refused.value.code == "recipe-invalid"


class Large(OneColour):
    card = replace(OneColour.card, image_size=512)


def test_views_of_the_priors_own_size_are_counted_before_any_work(tmp_path: Path) -> None:
    recipe = read_recipe({"kind": "texture", "prompt": "bricks", "views_per_step": 17})
    with pytest.raises(BadRequest, match="17 views of 512 x 512") as refused:
        produce(recipe, Large(), tmp_path, lambda event: None, lambda: None)
    assert refused.value.code == "recipe-invalid"
