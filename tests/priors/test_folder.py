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
from server.priors.pretrained.finding import find_model
from tests.priors.tiny_families import LAYOUTS, write_model
from tests.priors.tiny_pipeline import write_pipeline


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pipeline(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "model")


def change(file: Path, **values: Any) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    data.update(values)
    file.write_text(json.dumps({key: value for key, value in data.items() if value != "DROP"}), encoding="utf-8")


def to_pickle(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


def truncate(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def lfs_pointer(folder: Path) -> None:
    (folder / "text_encoder" / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid ...\n", encoding="utf-8"
    )


def without_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def single_file(folder: Path) -> None:
    without_index(folder)
    (folder / "v1-5.ckpt").write_bytes(b"")


BREAKAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no index": (without_index, "no model_index.json"),
    "single file": (single_file, "v1-5.ckpt"),
    "broken JSON": (lambda f: (f / "model_index.json").write_text("{", encoding="utf-8"), "model_index.json"),
    "JSON list": (lambda f: (f / "unet/config.json").write_text("[]", encoding="utf-8"), "not a JSON object"),
    "other pipeline": (
        lambda f: change(f / "model_index.json", _class_name="FluxPipeline"),
        "FluxPipeline",
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
    "no latents": (lambda f: change(f / "vae/config.json", latent_channels="DROP"), "latent_channels"),
    "lost shard": (
        lambda f: (f / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(
            '{"weight_map": {"conv_in.weight": "diffusion_pytorch_model-00001-of-00002.safetensors"}}', encoding="utf-8"
        ),
        "00001-of-00002",
    ),
    "flow": (
        lambda f: (f / "scheduler/scheduler_config.json").write_text(
            '{"_class_name": "FlowMatchEulerDiscreteScheduler"}', encoding="utf-8"
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
        find_model(str(folder))
    assert caught.value.code == "prior-broken"
    assert named in caught.value.message
    assert str(folder) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["no-such-prior", "/no/such/folder", "~/no-such-folder"])
def test_an_unknown_name_is_unknown(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        find_model(name)
    assert caught.value.code == "prior-unknown"
    assert name in caught.value.message


def test_a_whole_folder_is_accepted_and_described(folder: Path) -> None:
    model = find_model(str(folder))
    assert (model.path, model.family, model.card.name) == (folder, "sd", str(folder))
    assert (model.prediction, model.card.image_size, model.card.latent_shape) == ("eps", 16, (4, 8, 8))
    assert set(model.variants.values()) == {None}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_family_is_recognised_with_its_customary_guidance(tmp_path: Path, layout: str) -> None:
    model = find_model(str(write_model(tmp_path, layout)))
    family, prediction, scale = {
        "sd1": ("sd", "eps", 7.5),
        "sd2": ("sd", "eps", 7.5),
        "sdxl": ("sdxl", "eps", 7.0),
    }.get(layout, ("sd3", "flow", 5.0))
    assert (model.family, model.prediction, model.card.guidance_scale) == (family, prediction, scale)
    assert (model.card.image_size, model.card.latent_shape) == (16, (4, 8, 8))
    assert model.card.view_prompts
    assert not model.card.takes_camera
    assert ("text_encoder_3" in model.configs) == layout.endswith("T5")


FOREIGNERS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "XL without its second encoder": (
        "sdxl",
        lambda f: change(f / "model_index.json", text_encoder_2="DROP"),
        "text_encoder_2 is missing",
    ),
    "a refiner": (
        "sdxl",
        lambda f: change(f / "model_index.json", text_encoder=[None, None]),
        "text_encoder is missing",
    ),
    "XL without size ids": (
        "sdxl",
        lambda f: change(f / "unet/config.json", addition_embed_type=None),
        "addition_embed_type None",
    ),
    "XL with noise levels of its own": (
        "sdxl",
        lambda f: (f / "scheduler/scheduler_config.json").write_text(
            '{"_class_name": "EDMEulerScheduler"}', encoding="utf-8"
        ),
        "EDMEulerScheduler",
    ),
    "pooled texts do not fit": (
        "sd3",
        lambda f: change(f / "transformer/config.json", pooled_projection_dim=99),
        "width 99",
    ),
    "SD3 with betas": (
        "sd3",
        lambda f: change(f / "scheduler/scheduler_config.json", _class_name="DDIMScheduler"),
        "DDIMScheduler",
    ),
    "T5 as SentencePiece": (
        "sd3 with T5",
        lambda f: (f / "tokenizer_3/tokenizer.json").rename(f / "tokenizer_3/spiece.model"),
        "tokenizer.json",
    ),
}


@pytest.mark.parametrize("name", FOREIGNERS)
def test_what_does_not_belong_to_its_family_is_refused(tmp_path: Path, name: str) -> None:
    layout, alter, named = FOREIGNERS[name]
    alter(write_model(tmp_path, layout))
    with pytest.raises(BadRequest) as caught:
        find_model(str(tmp_path))
    assert caught.value.code == "prior-broken"
    assert named in caught.value.message
    assert caught.value.hint


def test_half_precision_weights_are_found_under_their_variant(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert find_model(str(folder)).variants == {"unet": "fp16", "vae": None, "text_encoder": None}


def test_looking_at_a_folder_loads_no_torch(folder: Path) -> None:
    code = (
        "import sys; from server.priors.pretrained.finding import check_model; check_model(sys.argv[1]);"
        "print([name for name in ('torch', 'diffusers', 'transformers') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, timeout=60,
        cwd=Path(__file__).parents[2], encoding="utf-8"
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"
