"""Which priors are found on this machine, and what is said of each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_pipeline import write_pipeline

from server.priors import listing
from server.priors.catalogue import list_priors, read_card
from server.priors.listed import ListedPrior
from server.priors.listing import describe
from tests.priors.hub_cache import move_hub_cache

pytestmark = pytest.mark.usefixtures("no_hub_cache")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pipeline(tmp_path_factory.mktemp("models") / "tiny")


def found(*folders: Path) -> list[ListedPrior]:
    return list_priors(folders)[2:]


def test_the_priors_that_ship_come_first_and_exact_is_named_as_what_it_is() -> None:
    embedded, exact = list_priors()
    assert (embedded.name, exact.name) == ("embedded", "exact")
    assert "reference for tests" in exact.title
    assert exact.usable
    assert exact.needs == "Runs on the CPU."


def test_without_its_weights_the_embedded_prior_is_not_usable_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WEIGHTS", tmp_path)
    embedded = list_priors()[0]
    assert not embedded.usable
    assert str(tmp_path) in embedded.why_not
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    assert list_priors()[0].usable


def test_a_model_and_a_folder_of_models_are_found(model: Path) -> None:
    (tiny,) = found(model)
    (again,) = found(model.parent)
    assert tiny == again
    assert (tiny.title, tiny.usable, tiny.path) == ("tiny", True, model)
    assert tiny.card is not None
    assert tiny.card.name == tiny.name == str(model)


def test_a_model_that_cannot_be_used_is_listed_with_the_reason(model: Path, tmp_path: Path) -> None:
    (tmp_path / "flux").mkdir()
    (tmp_path / "flux" / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}), encoding="utf-8")
    (tmp_path / "old.ckpt").write_bytes(b"pickle")
    flux, old = found(tmp_path)
    assert not flux.usable
    assert "FluxPipeline" in flux.why_not
    assert not old.usable
    assert (old.title, old.card) == ("old", None)
    (missing,) = found(tmp_path / "nothing")
    assert "nothing" in missing.why_not
    told = describe([flux, missing])
    assert "flux: NOT USABLE" in told
    assert "--prior" not in told


def test_models_in_the_local_hub_cache_are_found_without_the_network(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub"
    repository = cache / "models--somebody--tiny"
    (repository / "snapshots").mkdir(parents=True)
    (repository / "snapshots" / ("a" * 40)).symlink_to(model)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40, encoding="utf-8")
    (cache / "datasets--somebody--pictures" / "snapshots" / ("b" * 40)).mkdir(parents=True)
    move_hub_cache(monkeypatch, cache)
    (tiny,) = found()
    assert (tiny.title, tiny.name, tiny.usable) == ("somebody/tiny", "hub:somebody/tiny@main", True)
    assert read_card(tiny.name).image_size == 16


def test_a_model_of_which_the_cache_holds_only_a_part_is_not_usable_and_nothing_is_asked_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pipeline(tmp_path / "hub" / "models--somebody--tiny" / "snapshots" / ("a" * 40))
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    move_hub_cache(monkeypatch, tmp_path / "hub")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was used"))
    (tiny,) = found()
    assert tiny.name == f"hub:somebody/tiny@{'a' * 40}"
    assert not tiny.usable
    assert "unet" in tiny.why_not


def test_the_licence_is_read_from_the_models_own_readme(model: Path, tmp_path: Path) -> None:
    assert "licence" in found(model)[0].licence
    named = write_pipeline(tmp_path / "named")
    (named / "README.md").write_text(
        "---\nlanguage: en\nlicense: other\nlicense_name: openrail++\n---\n# Tiny\n", encoding="utf-8"
    )
    assert found(named)[0].licence == "openrail++"


def test_the_need_for_a_graphics_card_follows_from_the_size_of_the_weights(model: Path) -> None:
    (small,) = found(model)
    assert 1_000 < small.parameters < 100_000
    assert not small.needs_cuda
    # About Stable Diffusion 1.5: a little over a thousand million numbers, pictures of 512 pixels.
    assert small.card is not None
    card = type(small.card)(**{**small.card.__dict__, "image_size": 512})
    large = ListedPrior("x", "x", model, card, 1_070_000_000, "")
    assert large.needs_cuda
    assert 3.5 < (large.gpu_memory_gb or 0.0) < 5.0
    assert "NVIDIA" in large.needs
    assert "estimated" in large.needs


def test_weights_that_lie_there_in_two_precisions_count_once(model: Path, tmp_path: Path) -> None:
    twice = write_pipeline(tmp_path / "twice")
    name = "diffusion_pytorch_model"
    (twice / "unet" / f"{name}.fp16.safetensors").write_bytes((twice / "unet" / f"{name}.safetensors").read_bytes())
    assert found(twice)[0].parameters == found(model)[0].parameters


def test_the_list_is_plain_json_and_made_without_torch(model: Path) -> None:
    script = (
        "import json, sys; from server.priors.catalogue import list_priors;"
        "said = [prior.as_json() for prior in list_priors([sys.argv[1]])];"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules), 'too much was imported';"
        "print(json.dumps(said))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(model)], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    said = json.loads(done.stdout)
    keys = {"name", "title", "path", "licence", "makes", "takes_camera", "needs", "needs_cuda", "usable", "why_not"}
    assert all(keys <= set(prior) for prior in said)
    assert said[-1]["language"] is None
