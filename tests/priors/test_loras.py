"""LoRA files are merged as diffusers' own pipelines apply them, or refused by what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from server.commands.main import main
from server.errors import BadRequest
from server.priors.catalogue import check_loras, load_prior
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from server.recipe import read_recipe
from tests.priors.tiny_families import write_model
from tests.priors.tiny_single_file import write_single_file

PIPELINES: dict[str, Any] = {
    "sd1": StableDiffusionPipeline,
    "sd2": StableDiffusionPipeline,
    "sdxl": StableDiffusionXLPipeline,
    "sd3": StableDiffusion3Pipeline,
}
RANK = 2

pytestmark = pytest.mark.usefixtures("one_thread")


def random_lora(model: LatentDiffusion, form: str = "diffusers") -> dict[str, Tensor]:
    """For the attention of the denoiser and, except of Stable Diffusion 3, of the first text encoder."""
    generator = torch.Generator().manual_seed(1)
    layers = {name: layer for name, layer in model._denoiser.named_modules() if name.endswith(("to_q", "to_k", "to_v"))}
    prefix = "transformer" if model._family == "sd3" else "unet"
    named = {f"{prefix}.{name}": layer for name, layer in layers.items()}
    if model._family != "sd3":
        encoder = model._texts._encoders["text_encoder"]
        named |= {
            f"text_encoder.{'' if name.startswith('text_model') else 'text_model.'}{name}": layer
            for name, layer in encoder.named_modules()
            if name.endswith(("q_proj", "k_proj", "v_proj", "out_proj"))
        }
    lora = {}
    for name, layer in named.items():
        into = torch.randn(RANK, layer.in_features, generator=generator) / layer.in_features**0.5
        out = torch.randn(layer.out_features, RANK, generator=generator) / 3
        if form == "kohya":
            start = "lora_" + name.replace("text_encoder.", "te.").replace(".", "_")
            lora |= {
                f"{start}.lora_down.weight": into,
                f"{start}.lora_up.weight": out,
                f"{start}.alpha": torch.tensor(1.0),
            }
        else:
            lora |= {f"{name}.lora_A.weight": into, f"{name}.lora_B.weight": out}
    return lora


def answer(prior: Any) -> Tensor:
    noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    return prior.denoise(noisy, torch.tensor([1.0]), [prior.condition("a duck")])[0]


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", request.param)


@pytest.mark.parametrize("form", ["diffusers", "kohya"])
@pytest.mark.parametrize("folder", ["sd1", "sd2", "sdxl", "sd3"], indirect=True)
def test_a_merged_lora_changes_a_model_as_diffusers_pipeline_does(
    folder: Path, tmp_path: Path, form: str, request: pytest.FixtureRequest
) -> None:
    layout = request.node.callspec.params["folder"]
    if (layout, form) == ("sd3", "kohya"):
        pytest.skip("trainers write this layout in another way")
    plain: Any = load_prior(str(folder))
    file = tmp_path / "style.safetensors"
    save_file(random_lora(plain, form), file)
    merged: Any = load_prior(str(folder), loras=[f"{file}:0.7"])
    changed = answer(merged)
    assert not torch.allclose(changed, answer(plain), atol=1e-3)

    absent = ("image_encoder", "feature_extractor", "text_encoder_3", "tokenizer_3") if layout == "sd3" else ()
    pipeline = PIPELINES[layout].from_pretrained(folder, **dict.fromkeys(absent))
    pipeline.load_lora_weights(str(file), adapter_name="style")
    pipeline.set_adapters("style", 0.7)
    plain._denoiser = pipeline.transformer if layout == "sd3" else pipeline.unet
    plain._texts._encoders["text_encoder"] = pipeline.text_encoder
    plain._read.cache_clear()
    torch.testing.assert_close(changed, answer(plain), atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("folder", ["sd1"], indirect=True)
def test_several_loras_add_up_and_a_weight_of_nothing_changes_nothing(folder: Path, tmp_path: Path) -> None:
    plain: Any = load_prior(str(folder))
    file = tmp_path / "style.safetensors"
    save_file({name: value for name, value in random_lora(plain).items() if name.startswith("unet")}, file)
    torch.testing.assert_close(answer(load_prior(str(folder), loras=[f"{file}:0"])), answer(plain))
    twice, once = (answer(load_prior(str(folder), loras=loras)) for loras in ([f"{file}:0.5"] * 2, [str(file)]))
    torch.testing.assert_close(twice, once, atol=1e-4, rtol=1e-4)


def test_a_single_file_takes_loras_too(tmp_path: Path) -> None:
    path = write_single_file(tmp_path / "art.safetensors", "sd1")
    plain: Any = load_prior(str(path))
    save_file(random_lora(plain, "kohya"), tmp_path / "style.safetensors")
    assert not torch.allclose(answer(load_prior(str(path), loras=[str(tmp_path / "style.safetensors")])), answer(plain))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", "Stable Diffusion XL"),
        ("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.lora_A.weight", "Stable Diffusion XL"),
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", "Flux"),
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "Flux"),
        ("transformer.transformer_blocks.0.attn.to_q.lora_A.weight", "Stable Diffusion 3"),
    ],
)
@pytest.mark.parametrize("folder", ["sd1"], indirect=True)
def test_a_lora_of_another_family_is_refused_by_its_name(folder: Path, tmp_path: Path, name: str, label: str) -> None:
    save_file({name: torch.zeros(4, 2048)}, tmp_path / "style.safetensors")
    with pytest.raises(BadRequest) as caught:
        check_loras(str(folder), [str(tmp_path / "style.safetensors")])
    assert caught.value.code == "lora-unfit"
    assert label in caught.value.message


@pytest.mark.parametrize("folder", ["sd1"], indirect=True)
def test_a_lora_whose_tensors_do_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    lora = random_lora(load_prior(str(folder)))  # type: ignore[arg-type]
    file = tmp_path / "style.safetensors"
    narrow = {name: torch.zeros(RANK, 7) for name in lora if name.endswith("to_q.lora_A.weight")}
    for tensors in (lora | narrow, {"unet.nowhere.to_q.lora_A.weight": torch.zeros(2, 4)}):
        save_file(tensors, file)
        with pytest.raises(BadRequest) as caught:
            load_prior(str(folder), loras=[str(file)])
        assert caught.value.code == "lora-broken"
        assert str(file) in caught.value.message


@pytest.mark.parametrize(
    ("tensors", "what"),
    [
        ({"emb_params": torch.zeros(2, 768)}, "a textual inversion"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, "a textual inversion"),
        ({"<cat>": torch.zeros(768)}, "a textual inversion"),
        ({"lora_unet_mid.hada_w1_a": torch.zeros(2, 2)}, "a LyCORIS adapter"),
        ({"first_stage_model.encoder.conv_in.weight": torch.zeros(2)}, "an autoencoder"),
    ],
)
@pytest.mark.parametrize("folder", ["sd1"], indirect=True)
def test_other_files_are_named_as_what_they_are(
    folder: Path, tmp_path: Path, tensors: dict[str, Tensor], what: str
) -> None:
    save_file(tensors, tmp_path / "other.safetensors")
    with pytest.raises(BadRequest) as caught:
        check_loras(str(folder), [str(tmp_path / "other.safetensors")])
    assert caught.value.code == "lora-broken"
    assert what in caught.value.message


@pytest.mark.parametrize("folder", ["sd1"], indirect=True)
def test_what_is_no_file_or_no_safetensors_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "style.pt").write_bytes(b"")
    (tmp_path / "cut.safetensors").write_bytes(b"\x00" * 9)
    for name in ("gone.safetensors", "style.pt", "cut.safetensors"):
        with pytest.raises(BadRequest) as caught:
            check_loras(str(folder), [f"{tmp_path / name}:0.5"])
        assert caught.value.code == "lora-broken"


@pytest.mark.parametrize("prior", ["embedded", "exact"])
def test_priors_that_take_no_loras_say_so(prior: str) -> None:
    check_loras(prior, [])
    with pytest.raises(BadRequest) as caught:
        check_loras(prior, ["style.safetensors"])
    assert caught.value.code == "lora-unfit"


@pytest.mark.parametrize("folder", ["sd1"], indirect=True)
def test_a_lora_for_few_steps_brings_its_guidance_scale(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "lcm-lora-sdv1-5.safetensors"
    save_file(random_lora(load_prior(str(folder))), file)  # type: ignore[arg-type]
    assert load_prior(str(folder), loras=[str(file)]).card.guidance_scale == 1.0


@pytest.mark.parametrize("loras", [["a:b:0.5"], ["style.safetensors"], [r"C:\loras\x.safetensors:-1.5"], []])
def test_a_recipe_names_loras_by_file_and_weight(loras: list[str]) -> None:
    asked = {"kind": "mesh", "prompt": "a duck", "loras": loras}
    assert read_recipe(asked).model_dump(mode="json")["loras"] == loras


@pytest.mark.parametrize("loras", ["x:1", [1], [":0.5"], ["x:11"], [""], [["x"]], {"x": 1}, ["x"] * 9, ["a\0b"]])
def test_a_recipe_refuses_what_names_no_lora(loras: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        read_recipe({"kind": "mesh", "prompt": "a duck", "loras": loras})
    assert caught.value.code == "recipe-invalid"
    assert caught.value.message.startswith("loras ")


@pytest.mark.parametrize("command", ["mesh", "texture", "sample"])
def test_every_command_that_draws_takes_loras(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / ("made.glb" if command == "mesh" else "made.png"))
    prompt = "red bricks" if command == "texture" else "a red cube"
    assert main([command, prompt, "--out", out, "--lora", "style.safetensors:0.5"]) == 2
    assert "takes no LoRA" in capsys.readouterr().err
    assert main([command, prompt, "--out", out, "--lora", "style.safetensors:50"]) == 2
    assert "weights from -10 to 10" in capsys.readouterr().err


def test_merging_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "sd1")
    file = tmp_path / "style.safetensors"
    save_file(random_lora(load_prior(str(folder))), file)  # type: ignore[arg-type]
    before = {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    load_prior(str(folder), loras=[str(file)])
    assert {path: path.read_bytes() for path in before} == before
    assert load_file(file)
