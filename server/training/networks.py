"""The parts of the embedded pipeline, at the size that ships and at a size for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from server.priors.embedded.light_field import LightField
from server.priors.embedded.patch_code import PatchCode
from server.priors.embedded.wording import LENGTH, build_tokenizer
from server.priors.parametrisation import NoiseTable
from server.training.plan import Size

LATENT_CHANNELS = 12


@dataclass
class Networks:
    """Any: diffusers' and transformers' modules carry no types that a checker could use."""

    tokenizer: CLIPTokenizer
    patch_code: Any  # PatchCode
    light_field: Any  # LightField
    text_encoder: Any  # CLIPTextModel
    unet: Any  # UNet2DConditionModel


def build_networks(size: Size, seed: int) -> Networks:
    """Untrained networks, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = build_tokenizer()
        end = tokenizer.eos_token_id
        assert isinstance(end, int)
        return Networks(
            tokenizer=tokenizer,
            patch_code=PatchCode(latent_channels=LATENT_CHANNELS),
            light_field=LightField(
                vocabulary=len(tokenizer),
                end=end,
                size=size.latent,
                channels=LATENT_CHANNELS,
                width=size.light_width,
                depth=size.light_blocks,
                word_width=size.words,
            ),
            text_encoder=text_encoder(size.words, LENGTH, tokenizer),
            unet=_unet(size),
        )


def text_encoder(width: int, length: int, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """For texts of at most `length` tokens."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=length,
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _unet(size: Size) -> UNet2DConditionModel:
    """Its input is the noisy latent and, behind it, the light field's answer (zeros where there is no camera)."""
    return UNet2DConditionModel(
        sample_size=size.latent,
        in_channels=2 * LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=size.channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=8,
        cross_attention_dim=size.words,
    )


def build_scheduler() -> Any:
    return scheduler("v_prediction", timestep_spacing="trailing")


def scheduler(prediction: str, **more: Any) -> Any:
    """With the noise levels of Stable Diffusion."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
        clip_sample=False,
        set_alpha_to_one=False,
        **more,
    )


def noise_levels() -> NoiseTable:
    """Those of the timesteps of `build_scheduler`."""
    return NoiseTable.from_alphas_cumprod(build_scheduler().alphas_cumprod)


def predict_velocity(networks: Networks, noisy: Tensor, timestep: Tensor, tokens: Tensor, seen: Tensor) -> Tensor:
    """The diffusion network's v for noisy latents [B, 12, S, S], timesteps [B], tokens [B, L] and the light field's
    answer `seen` [B, 12, S, S]."""
    words = networks.text_encoder(input_ids=tokens).last_hidden_state
    velocity: Tensor = networks.unet(torch.cat([noisy, seen], 1), timestep, encoder_hidden_states=words).sample
    return velocity
