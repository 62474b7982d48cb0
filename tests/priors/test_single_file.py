"""A single .safetensors file, as artists own it, is the model that its tensors say, and everything else is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from server.errors import BadRequest
from server.priors.catalogue import load_prior
from server.priors.pretrained.chunks import Chunk
from server.priors.pretrained.families import PretrainedModel
from server.priors.pretrained.finding import find_model
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from tests.closeness import assert_close_to_rounding
from tests.priors.hub_cache import move_hub_cache
from tests.priors.tiny_families import LAYOUTS, random_networks, write_model
from tests.priors.tiny_single_file import write_single_file

DENOISER = "model.diffusion_model."


pytestmark = pytest.mark.usefixtures("one_thread", "no_hub_cache")


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_single_file(tmp_path_factory.mktemp("sd1") / "art.safetensors", "sd1")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_single_file_is_the_model_in_the_folder(tmp_path: Path, layout: str) -> None:
    folder = LatentDiffusion(find_model(str(write_model(tmp_path / "folder", layout))))
    path = write_single_file(tmp_path / "file" / "art.safetensors", layout)
    file = load_prior(str(path))
    assert (file.card.image_size, file.card.latent_shape) == (16, (4, 8, 8))
    assert file.card.guidance_scale == folder.card.guidance_scale
    generator = torch.Generator().manual_seed(0)
    image, latent = torch.rand(2, 3, 16, 16, generator=generator), torch.randn(2, 4, 8, 8, generator=generator)
    assert_close_to_rounding(file.encode(image), folder.encode(image))
    assert_close_to_rounding(file.decode(latent), folder.decode(latent))
    sigma = torch.tensor([0.4, 6.0])
    for prompt in ("a duck", ""):
        mine, theirs = file.condition(prompt), folder.condition(prompt)
        assert_close_to_rounding(mine.states, theirs.states)
        assert_close_to_rounding(file.denoise(latent, sigma, [mine])[0], folder.denoise(latent, sigma, [theirs])[0])


def test_the_licence_that_the_trainer_wrote_down_is_on_the_card(sd1: Path, tmp_path: Path) -> None:
    assert "came with the model" in find_model(str(sd1)).card.licence
    licensed = write_single_file(tmp_path / "art.safetensors", "sd1", license="CreativeML OpenRAIL-M")
    assert find_model(str(licensed)).card.licence == "CreativeML OpenRAIL-M"


def test_half_precision_files_are_read(sd1: Path, tmp_path: Path) -> None:
    half = shutil.copytree(sd1.parent, tmp_path / "half") / sd1.name
    tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in load_file(sd1).items()}
    save_file(tensors, half, {"modelspec.resolution": "16x16"})
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(
        load_prior(str(half)).encode(image), load_prior(str(sd1)).encode(image), atol=1e-3, rtol=0
    )


# ---- eps or v ----


def test_what_the_trainer_wrote_down_decides_what_is_predicted(tmp_path: Path) -> None:
    assert find_model(str(write_single_file(tmp_path / "a.safetensors", "sd1"))).prediction == "eps"
    for said, prediction in (("v", "v"), ("epsilon", "eps")):
        path = write_single_file(tmp_path / said / "b.safetensors", "sd2", prediction_type=said)
        assert find_model(str(path)).prediction == prediction


def test_marks_of_velocity_and_of_a_schedule_without_signal_are_seen(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "x.safetensors", "sdxl")
    save_file(
        load_file(path) | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}, path, {"modelspec.resolution": "16x16"}
    )
    model = find_model(str(path))
    assert model.prediction == "v"
    assert model.scheduler["rescale_betas_zero_snr"]
    assert torch.isfinite(load_prior(str(path)).levels.log_sigmas).all()


def test_a_configuration_beside_the_file_is_read(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd2")
    path.with_suffix(".yaml").write_text('model:\n  params:\n    parameterization: "v"\n', encoding="utf-8")
    assert find_model(str(path)).prediction == "v"
    path.with_suffix(".yaml").write_text("model:\n  params:\n    linear_start: 0.00085\n", encoding="utf-8")
    assert find_model(str(path)).prediction == "eps"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_else_the_weights_of_stable_diffusion_2_tell(tmp_path: Path, dtype: torch.dtype) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd2")
    tensors = load_file(path)
    telling = DENOISER + "output_blocks.11.1.transformer_blocks.0.norm1.bias"
    for spread, prediction in ((0.2, "v"), (0.02, "eps")):
        bias = (spread * torch.randn(320, generator=torch.Generator().manual_seed(0))).to(dtype)
        save_file(tensors | {telling: bias}, path)
        model = find_model(str(path))
        assert model.prediction == prediction
        assert model.card.image_size == (768 if prediction == "v" else 512)


# ---- refusals ----


def refusal(path: Path) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        find_model(str(path))
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def some(*names: str) -> dict[str, torch.Tensor]:
    return {name: torch.zeros(2, 2) for name in names}


FOREIGN: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "LoRA": (some("lora_unet_down_blocks_0_attentions_0.lora_up.weight"), "a LoRA"),
    "diffusers LoRA": (some("unet.down_blocks.0.attn.to_q.lora_A.weight"), "a LoRA"),
    "ControlNet": (some("control_model.input_blocks.0.0.weight", DENOISER + "input_blocks.0.0.weight"), "a ControlNet"),
    "autoencoder": (some("encoder.down.0.block.0.conv1.weight"), "an autoencoder"),
    "text encoder": (some("text_model.embeddings.token_embedding.weight"), "a text encoder"),
    "embedding": (some("emb_params"), "a textual inversion"),
    "embedding of XL": (some("clip_l", "clip_g"), "a textual inversion"),
    "embedding of diffusers": ({"<my-cat>": torch.zeros(768)}, "a textual inversion"),
    "embedding of several words": ({"anything": torch.zeros(4, 1024)}, "a textual inversion"),
    "LCM": (some(DENOISER + "input_blocks.0.0.weight", DENOISER + "time_embed.cond_proj.weight"), "consistency model"),
    "Flux": (some(DENOISER + "double_blocks.0.img_attn.norm.key_norm.scale"), "the Flux family"),
    "diffusers unet": (some("down_blocks.0.resnets.0.conv1.weight"), "one part of a diffusers folder"),
    "SD3's denoiser": (some("joint_blocks.0.x_block.mlp.fc1.weight"), "Stable Diffusion 3 alone"),
    "video": (
        some(DENOISER + "input_blocks.0.0.weight", DENOISER + "input_blocks.1.0.time_stack.in_layers.0.weight"),
        "a video model",
    ),
    "anything": (some("tensor"), "no model that is known here"),
    "inpainting": ({DENOISER + "input_blocks.0.0.weight": torch.zeros(8, 9, 3, 3)}, "an inpainting model"),
    "depth": ({DENOISER + "input_blocks.0.0.weight": torch.zeros(8, 5, 3, 3)}, "a depth model"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_kinds_of_files_are_named_and_refused(tmp_path: Path, name: str) -> None:
    tensors, found = FOREIGN[name]
    path = tmp_path / "file.safetensors"
    save_file(tensors, path)
    problem = refusal(path)
    assert problem.code == "prior-broken"
    assert found in problem.message
    assert "Stable Diffusion XL" in problem.hint


def without(path: Path, *prefixes: str, **changes: torch.Tensor) -> None:
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith(prefixes)}
    save_file(kept | changes, path, {"modelspec.resolution": "16x16"})


@pytest.mark.parametrize(
    ("layout", "lost", "found"),
    [
        ("sd1", "first_stage_model.", "no autoencoder"),
        ("sd1", "cond_stage_model.", "without its text_encoder"),
        ("sd1", DENOISER + "out.2.weight", "out.2.weight"),
        ("sdxl", "conditioner.embedders.0", "a refiner"),
        ("sdxl", "conditioner.", "without its text encoders"),
        ("sd3", "text_encoders.clip_g", "without its text_encoder_2"),
    ],
)
def test_an_incomplete_file_says_what_is_missing(tmp_path: Path, layout: str, lost: str, found: str) -> None:
    path = write_single_file(tmp_path / "art.safetensors", layout)
    without(path, lost)
    assert found in refusal(path).message


def test_a_refiner_is_refused_by_its_size_ids(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sdxl")
    name = DENOISER + "label_emb.0.0.weight"
    save_file(load_file(path) | {name: torch.zeros(256, 80 + 5 * 256)}, path)
    assert "a refiner" in refusal(path).message


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1")
    name = DENOISER + "middle_block.0.out_layers.3.weight"
    save_file(load_file(path) | {name: torch.zeros(8, dtype=torch.uint8)}, path)
    assert "quantised weights (U8)" in refusal(path).message


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_a_pickle_is_refused_unopened(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"art{suffix}").write_bytes(b"cos\nsystem\n")
    assert "run code" in refusal(tmp_path / f"art{suffix}").message


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs", (10**18).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "art.safetensors").write_bytes(content)
    assert "not a whole safetensors file" in refusal(tmp_path / "art.safetensors").message


def test_a_truncated_file_is_refused(sd1: Path, tmp_path: Path) -> None:
    (tmp_path / "art.safetensors").write_bytes(sd1.read_bytes()[:-100])
    assert "should have" in refusal(tmp_path / "art.safetensors").message


def test_tensors_that_fit_the_names_but_not_each_other_are_refused_on_loading(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1")
    name = DENOISER + "middle_block.0.out_layers.3.weight"
    save_file(load_file(path) | {name: torch.zeros(64, 32, 3, 3)}, path)
    with pytest.raises(BadRequest, match="unet do not fit together"):
        load_prior(str(path))
    without(path, name)
    with pytest.raises(BadRequest, match=r"mid_block\.resnets\.0\.conv2\.weight is missing"):
        load_prior(str(path))


# ---- vocabularies ----


def check_finds(path: Path) -> PretrainedModel:
    model = find_model(str(path))
    assert LatentDiffusion(model).condition("a duck").states.isfinite().all()
    return model


def test_a_vocabulary_that_is_nowhere_is_asked_for_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1", vocabulary=False)
    with pytest.raises(BadRequest) as caught:
        find_model(str(path))
    assert caught.value.code == "vocabulary-missing"
    assert "openai/clip-vit-large-patch14" in caught.value.hint
    assert str(tmp_path / "tokenizer") in caught.value.hint


def test_t5_needs_its_own_vocabulary(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd3 with T5")
    shutil.rmtree(tmp_path / "tokenizer_3")
    with pytest.raises(BadRequest) as caught:
        find_model(str(path))
    assert caught.value.code == "vocabulary-missing"
    assert "T5" in caught.value.message


def test_vocabularies_are_found_where_other_programs_keep_them(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "models" / "checkpoints" / "style" / "art.safetensors", "sd3 with T5")
    clip, t5 = tmp_path / "comfy" / "sd1_clip_tokenizer", tmp_path / "comfy" / "text_encoders" / "t5_tokenizer"
    t5.parent.mkdir(parents=True)
    shutil.move(path.parent / "tokenizer", clip)
    shutil.move(path.parent / "tokenizer_3", t5)
    assert check_finds(path).tokenizers == {"tokenizer": clip, "tokenizer_2": clip, "tokenizer_3": t5}


@pytest.mark.parametrize("inside", ["", "tokenizer"])
def test_vocabularies_are_found_in_the_hubs_cache(tmp_path: Path, inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1")
    snapshot = tmp_path / "hub" / "models--openai--clip-vit-large-patch14" / "snapshots" / "0123abc"
    (snapshot / inside).parent.mkdir(parents=True)
    shutil.move(tmp_path / "tokenizer", snapshot / inside)
    move_hub_cache(monkeypatch, tmp_path / "hub")
    assert check_finds(path).tokenizers["tokenizer"] == snapshot / inside


def test_a_vocabulary_of_another_size_is_passed_over(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1")
    words = json.loads((tmp_path / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    (tmp_path / "tokenizer" / "vocab.json").write_text(json.dumps(words | {"more": len(words)}), encoding="utf-8")
    with pytest.raises(BadRequest) as caught:
        find_model(str(path))
    assert caught.value.code == "vocabulary-missing"


def test_openclip_fills_short_prompts_with_its_own_word(sd1: Path, tmp_path: Path) -> None:
    xl = load_prior(str(write_single_file(tmp_path / "art.safetensors", "sdxl")))
    first, second = (xl._texts._tokens(suffix, [Chunk()])[0][0, -1] for suffix in ("", "_2"))
    end = random_networks("sd1")["text_encoder"].config.eos_token_id
    assert (int(first), int(second)) == (end, 0)


def test_looking_at_a_file_loads_no_torch(sd1: Path) -> None:
    code = (
        "import sys; from server.priors.pretrained.finding import check_model; check_model(sys.argv[1]);"
        "print([name for name in ('torch', 'diffusers', 'transformers') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(sd1)], capture_output=True, text=True, check=True, timeout=60,
        cwd=Path(__file__).parents[2], encoding="utf-8"
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"
