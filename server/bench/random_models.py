"""Models of published sizes with random weights, to measure what one costs without having its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from server.priors.pretrained.families import FamilyName, PretrainedModel, card_of
from server.priors.pretrained.latent_diffusion import LatentDiffusion
from server.priors.pretrained.loading import Networks
from server.priors.pretrained.precision import precision_for
from server.priors.pretrained.single_file import BETAS, VAE_SCALES
from server.priors.pretrained.vocabularies import SHIPPED_CLIP

VAE = {
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 4,
}


@dataclass(frozen=True)
class Shape:
    """What a model is like.

    Attributes:
        side: of its latents.
        texts: width of each text encoder; they have one layer, since a step does not ask them.
    """

    name: str
    family: FamilyName
    side: int
    unet: dict[str, Any]
    texts: tuple[int, ...]
    vae: dict[str, Any] = field(default_factory=lambda: VAE)


SD_15 = Shape(
    "Stable Diffusion 1.5",
    "sd",
    64,
    {
        "block_out_channels": [320, 640, 1280, 1280],
        "layers_per_block": 2,
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },
    (768,),
)
SDXL = Shape(
    "Stable Diffusion XL",
    "sdxl",
    128,
    {
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
    },
    (768, 1280),
)


def random_prior(shape: Shape, device: str) -> LatentDiffusion:
    """Such a model on the device, in the precision that its family gets there."""
    vae_config = shape.vae | VAE_SCALES[shape.family]
    model = PretrainedModel(
        path=Path("random weights"),
        family=shape.family,
        card=card_of("random", shape.name, shape.family, shape.side, vae_config),
        prediction="eps",
        scheduler=BETAS,
        configs={"vae": vae_config},
        tokenizers={},
    )
    precision = precision_for(model, torch.device(device))
    unet_config = {"sample_size": shape.side, "in_channels": 4, "out_channels": 4, **shape.unet}
    encoders, tokenizers = {}, {}
    for number, width in enumerate(shape.texts):
        suffix = f"_{number + 1}" if number else ""
        tokenizers[f"tokenizer{suffix}"] = CLIPTokenizer.from_pretrained(SHIPPED_CLIP, local_files_only=True)
        config = CLIPTextConfig(vocab_size=49408, hidden_size=width, projection_dim=width, num_hidden_layers=1)
        encoder: Any = (CLIPTextModelWithProjection if number else CLIPTextModel)(config)
        encoders[f"text_encoder{suffix}"] = encoder.to(precision.networks).requires_grad_(False).eval()
    networks = Networks(
        denoiser=_build(lambda: UNet2DConditionModel.from_config(unet_config), device, precision.networks),
        vae=_build(lambda: AutoencoderKL.from_config(vae_config), device, precision.vae),
        text_encoders=encoders,
        tokenizers=tokenizers,
    )
    return LatentDiffusion(model, device, networks=networks)


def _build(make: Callable[[], Any], device: str, dtype: torch.dtype) -> Any:
    """Drawn where and as it is used: a large network would take minutes on a processor."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return make().requires_grad_(False).eval()
    finally:
        torch.set_default_dtype(usual)
