"""Random models of every family, as small as their layouts allow, written to disk as save_pretrained would.

Widths follow the rules of the research code (heads of 64, norms in 32 groups), so that the same networks can be written
as a single file, too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from diffusers import UNet2DConditionModel as UNet
from torch import nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from tests.priors.tiny_pipeline import LENGTH, write_tokenizer

LAYOUTS = ("sd1", "sd2", "sdxl", "sd3", "sd3 with T5")
IMAGE_SIZE = 16
PIPELINES = {"sd": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline", "sd3": "StableDiffusion3Pipeline"}
VOCABULARY = 77  # as written by write_tokenizer
T5_WORDS = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in "abcdefghijkl")]
WIDTH = 64  # of every CLIP
PROJECTED = 80
JOINT = 160


def family_of(layout: str) -> str:
    return {"sd1": "sd", "sd2": "sd", "sdxl": "sdxl"}.get(layout, "sd3")


def random_networks(layout: str) -> dict[str, nn.Module]:
    """The networks of a layout by their names in a diffusers folder."""
    torch.manual_seed(0)
    family = family_of(layout)
    if family == "sd3":
        networks = {
            "transformer": _transformer(of_35=layout.endswith("T5")),
            "vae": _vae(family),
            "text_encoder": _clip("quick_gelu", projection=WIDTH),
            "text_encoder_2": _clip("gelu", projection=PROJECTED),
        }
        # The original stores no projection for this encoder.
        with torch.no_grad():
            networks["text_encoder"].text_projection.weight.copy_(torch.eye(WIDTH))
        if layout.endswith("T5"):
            networks["text_encoder_3"] = _t5()
        return networks
    networks = {"unet": _unet(layout), "vae": _vae(family)}
    networks["text_encoder"] = _clip("gelu" if layout == "sd2" else "quick_gelu")
    if family == "sdxl":
        networks["text_encoder_2"] = _clip("gelu", projection=PROJECTED)
    return networks


def write_model(folder: Path, layout: str, prediction: str = "epsilon", **index: Any) -> Path:
    """A diffusers folder; images of 16 x 16, latents of 4 x 8 x 8."""
    family = family_of(layout)
    networks = random_networks(layout)
    entries: dict[str, Any] = {"_class_name": PIPELINES[family], **index}
    for name, network in networks.items():
        network.save_pretrained(folder / name)
        library = "transformers" if name.startswith("text") else "diffusers"
        entries[name] = [library, type(network).__name__]
        if name == "text_encoder_3":
            write_t5_tokenizer(folder / "tokenizer_3")
            entries["tokenizer_3"] = ["transformers", "T5TokenizerFast"]
        elif name.startswith("text_encoder"):
            part = name.replace("text_encoder", "tokenizer")
            openclip = network.config.hidden_act == "gelu"
            assert write_tokenizer(folder / part, "!" if openclip else None) == VOCABULARY
            entries[part] = ["transformers", "CLIPTokenizer"]
    if layout == "sd3":
        entries |= {"text_encoder_3": [None, None], "tokenizer_3": [None, None]}
    scheduler: Any = (
        FlowMatchEulerDiscreteScheduler(shift=3.0)
        if family == "sd3"
        else DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            prediction_type=prediction,
            clip_sample=False,
            steps_offset=1,
        )
    )
    scheduler.save_pretrained(folder / "scheduler")
    entries["scheduler"] = ["diffusers", type(scheduler).__name__]
    (folder / "model_index.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def write_t5_tokenizer(folder: Path) -> None:
    T5Tokenizer(vocab=list(T5_WORDS), extra_ids=0).save_pretrained(folder)


def _unet(layout: str) -> UNet:
    texts = {"sd1": WIDTH, "sd2": WIDTH, "sdxl": 2 * WIDTH}[layout]
    plain, attentive = "DownBlock2D", "CrossAttnDownBlock2D"
    down = (plain, attentive) if layout == "sdxl" else (attentive, plain)
    widths = (32, 64) if layout == "sd1" else (64, 128)
    added: dict[str, Any] = {}
    if layout == "sdxl":
        added = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": PROJECTED + 6 * 256,
            "transformer_layers_per_block": [1, 2],
        }
    return UNet(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=down,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(down)),
        block_out_channels=widths,
        layers_per_block=1,
        cross_attention_dim=texts,
        attention_head_dim=8 if layout == "sd1" else [width // 64 for width in widths],
        use_linear_projection=layout != "sd1",
        **added,
    )


def _transformer(of_35: bool) -> SD3Transformer2DModel:
    return SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=64,
        num_attention_heads=2,
        joint_attention_dim=JOINT,
        caption_projection_dim=128,
        pooled_projection_dim=WIDTH + PROJECTED,
        pos_embed_max_size=8,
        # What Stable Diffusion 3.5 added.
        dual_attention_layers=(0,) if of_35 else (),
        qk_norm="rms_norm" if of_35 else None,
    )


def _vae(family: str) -> AutoencoderKL:
    scales: dict[str, Any] = {
        "sd": {"scaling_factor": 0.18215},
        "sdxl": {"scaling_factor": 0.13025},
        "sd3": {
            "scaling_factor": 1.5305,
            "shift_factor": 0.0609,
            "use_quant_conv": False,
            "use_post_quant_conv": False,
        },
    }[family]
    return AutoencoderKL(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        sample_size=IMAGE_SIZE,
        **scales,
    )


def _clip(activation: str, projection: int | None = None) -> Any:
    config = CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=1,
        max_position_embeddings=LENGTH,
        hidden_act=activation,
        projection_dim=projection or WIDTH,
        bos_token_id=VOCABULARY - 2,
        eos_token_id=VOCABULARY - 1,
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _t5() -> T5EncoderModel:
    config = T5Config(
        vocab_size=len(T5_WORDS) + 4,
        d_model=JOINT,
        d_kv=16,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        use_cache=False,
    )
    return T5EncoderModel(config)
