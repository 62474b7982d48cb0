"""A folder that cannot be used is refused at once, saying what was found and what would do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.errors import BadRequest
from server.priors.folder import check_folder, read_folder
from tests.priors.tiny_pipeline import write_pipeline


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "model")


def change(file: Path, **values: Any) -> None:
    data = json.loads(file.read_text())
    data.update(values)
    file.write_text(json.dumps({key: value for key, value in data.items() if value != "DROP"}))


def to_pickle(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


def truncate(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def lfs_pointer(folder: Path) -> None:
    (folder / "text_encoder" / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid ...\n")


def without_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def single_file(folder: Path) -> None:
    without_index(folder)
    (folder / "v1-5.ckpt").write_bytes(b"")


BREAKAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no index": (without_index, "no model_index.json"),
    "single file": (single_file, "v1-5.ckpt"),
    "broken JSON": (lambda f: (f / "model_index.json").write_text("{"), "model_index.json"),
    "JSON list": (lambda f: (f / "unet/config.json").write_text("[]"), "not a JSON object"),
    "other pipeline": (
        lambda f: change(f / "model_index.json", _class_name="StableDiffusionXLPipeline"),
        "StableDiffusionXLPipeline",
    ),
    "other text encoder": (
        lambda f: change(f / "model_index.json", text_encoder=["transformers", "T5EncoderModel"]),
        "T5EncoderModel",
    ),
    "no vae named": (lambda f: change(f / "model_index.json", vae="DROP"), "vae is missing"),
    "no vae folder": (lambda f: shutil.rmtree(f / "vae"), "subfolder vae"),
    "no unet config": (lambda f: (f / "unet/config.json").unlink(), "config.json is missing"),
    "no vocabulary": (lambda f: (f / "tokenizer/vocab.json").unlink(), "tokenizer"),
    "pickled weights": (to_pickle, "diffusion_pytorch_model.bin"),
    "no weights": (lambda f: (f / "unet/diffusion_pytorch_model.safetensors").unlink(), "no weights"),
    "truncated weights": (truncate, "damaged or incomplete"),
    "pointer instead of weights": (lfs_pointer, "damaged or incomplete"),
    "inpainting": (lambda f: change(f / "unet/config.json", in_channels=9), "maps 9 channels"),
    "texts do not fit": (lambda f: change(f / "text_encoder/config.json", hidden_size=99), "99"),
    "added conditions": (
        lambda f: change(f / "unet/config.json", addition_embed_type="text_time"),
        "addition_embed_type",
    ),
    "no size": (lambda f: change(f / "unet/config.json", sample_size=None), "sample_size"),
    "normalised latents": (lambda f: change(f / "vae/config.json", latents_mean=[0, 0, 0, 0]), "every channel"),
    "flow": (
        lambda f: (f / "scheduler/scheduler_config.json").write_text(
            '{"_class_name": "FlowMatchEulerDiscreteScheduler"}'
        ),
        "FlowMatchEulerDiscreteScheduler",
    ),
    "odd prediction": (
        lambda f: change(f / "scheduler/scheduler_config.json", prediction_type="flow_prediction"),
        "flow_prediction",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_folder_is_refused_by_name(folder: Path, name: str) -> None:
    damage, named = BREAKAGES[name]
    damage(folder)
    with pytest.raises(BadRequest) as caught:
        check_folder(str(folder))
    assert caught.value.code == "prior-broken"
    assert named in caught.value.message
    assert str(folder) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["no-such-prior", "/no/such/folder", "~/no-such-folder"])
def test_an_unknown_name_is_unknown(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_folder(name)
    assert caught.value.code == "prior-unknown"
    assert name in caught.value.message


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadRequest) as caught:
        check_folder(str(tmp_path / "model.safetensors"))
    assert caught.value.code == "prior-unknown"


def test_a_whole_folder_is_accepted_and_described(folder: Path) -> None:
    model = read_folder(folder)
    assert check_folder(str(folder)) == folder.resolve()
    assert (model.prediction, model.card.image_size, model.card.latent_shape) == ("eps", 16, (4, 8, 8))
    assert set(model.variants.values()) == {None}


def test_half_precision_weights_are_found_under_their_variant(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert read_folder(folder).variants == {"unet": "fp16", "vae": None, "text_encoder": None}


def test_looking_at_a_folder_loads_no_torch(folder: Path) -> None:
    code = (
        "import sys; from server.priors.folder import check_folder; check_folder(sys.argv[1]);"
        "print([name for name in ('torch', 'diffusers', 'transformers') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, timeout=60,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"
