"""The configurations of the published models at their full size, and one of them with random weights on disk.

    python -m tests.priors.published FOLDER

writes a model of the size of Stable Diffusion 1.5 (2 GB), to measure what one costs without having its weights.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from tests.priors.tiny_pipeline import write_scheduler_and_index, write_tokenizer

UNET_1 = {
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "use_linear_projection": False,
}
UNET_2 = UNET_1 | {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}
UNET_XL = {
    "block_out_channels": [320, 640, 1280],
    "layers_per_block": 2,
    "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2],
    "up_block_types": [*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
    "transformer_layers_per_block": [1, 2, 10],
    "cross_attention_dim": 2048,
    "attention_head_dim": [5, 10, 20],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
MMDIT = {
    "patch_size": 2,
    "in_channels": 16,
    "out_channels": 16,
    "num_layers": 24,
    "attention_head_dim": 64,
    "num_attention_heads": 24,
    "joint_attention_dim": 4096,
    "caption_projection_dim": 1536,
    "pooled_projection_dim": 2048,
    "pos_embed_max_size": 192,
    "dual_attention_layers": [],
    "qk_norm": None,
}
MMDIT_35 = MMDIT | {"pos_embed_max_size": 384, "dual_attention_layers": [*range(13)], "qk_norm": "rms_norm"}
VAE = {
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 4,
}
VAE_3 = VAE | {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False}
CLIP = {"vocab_size": 49408, "max_position_embeddings": 77}
CLIP_L = CLIP | {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
    "hidden_act": "quick_gelu",
}
CLIP_H = CLIP | {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 23,
    "num_attention_heads": 16,
    "hidden_act": "gelu",
}
CLIP_G = CLIP | {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
T5_XXL = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
}
PUBLISHED: dict[str, tuple[str, int, dict[str, dict[str, Any]]]] = {
    "Stable Diffusion 1.5": ("sd1", 512, {"unet": UNET_1, "vae": VAE, "text_encoder": CLIP_L}),
    "Stable Diffusion 2.1 base": ("sd2", 512, {"unet": UNET_2, "vae": VAE, "text_encoder": CLIP_H}),
    "Stable Diffusion XL": (
        "sdxl",
        1024,
        {"unet": UNET_XL, "vae": VAE, "text_encoder": CLIP_L, "text_encoder_2": CLIP_G},
    ),
    "Stable Diffusion 3": (
        "sd3",
        1024,
        {"transformer": MMDIT, "vae": VAE_3, "text_encoder": CLIP_L, "text_encoder_2": CLIP_G},
    ),
    "Stable Diffusion 3.5 medium with T5": (
        "sd3",
        1024,
        {
            "transformer": MMDIT_35,
            "vae": VAE_3,
            "text_encoder": CLIP_L,
            "text_encoder_2": CLIP_G,
            "text_encoder_3": T5_XXL,
        },
    ),
}


def build(part: str, layout: str, config: dict[str, Any]) -> nn.Module:
    if part == "unet":
        return UNet2DConditionModel(**config)
    if part == "transformer":
        return SD3Transformer2DModel(**config | {"dual_attention_layers": tuple(config["dual_attention_layers"])})
    if part == "vae":
        return AutoencoderKL(**config)
    if part == "text_encoder_3":
        return T5EncoderModel(T5Config(**config))
    if part == "text_encoder_2" or layout == "sd3":
        return CLIPTextModelWithProjection(CLIPTextConfig(**config))
    return CLIPTextModel(CLIPTextConfig(**config))


def write_random(folder: Path, name: str = "Stable Diffusion 1.5", **smaller: dict[str, Any]) -> Path:
    """A diffusers folder with random weights in half precision.

    Args:
        name: a Stable Diffusion 1 or 2 of PUBLISHED.
        smaller: per part, settings in place of the published ones.
    """
    layout, size, configs = PUBLISHED[name]
    torch.manual_seed(0)
    vocabulary = write_tokenizer(folder / "tokenizer", length=CLIP["max_position_embeddings"])
    words = {"vocab_size": vocabulary, "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1}
    sizes = {"unet": {"sample_size": size // 8}, "vae": {"sample_size": size, "scaling_factor": 0.18215}}
    for part, config in configs.items():
        network = build(part, layout, config | sizes.get(part, words) | smaller.get(part, {}))
        network.half().save_pretrained(folder / part)
    return write_scheduler_and_index(folder)


if __name__ == "__main__":
    print(write_random(Path(sys.argv[1])))
