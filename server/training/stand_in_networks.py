"""The parts of a Stable Diffusion, small: a convolutional autoencoder, a text encoder and a network that says what the
noise is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTokenizer

from server.priors.embedded.wording import build_tokenizer
from server.training.networks import scheduler, text_encoder
from server.training.stand_in_plan import Size

LENGTH = 77  # tokens of a caption, start and end included, as Stable Diffusion's
SCALE = 0.18215  # Stable Diffusion's, too; `centre_latents` makes it true


@dataclass
class Networks:
    """Any: diffusers' and transformers' modules carry no types that a checker could use."""

    tokenizer: CLIPTokenizer
    vae: Any  # AutoencoderKL
    text_encoder: Any  # CLIPTextModel
    unet: Any  # UNet2DConditionModel


def build_networks(size: Size, seed: int) -> Networks:
    """Untrained networks, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = build_tokenizer()
        tokenizer.model_max_length = LENGTH
        return Networks(tokenizer, _autoencoder(size), text_encoder(size.words, LENGTH, tokenizer), _unet(size))


def _autoencoder(size: Size) -> AutoencoderKL:
    levels = len(size.autoencoder)
    return AutoencoderKL(
        block_out_channels=size.autoencoder,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=size.image,
        scaling_factor=SCALE,
    )


def _unet(size: Size) -> UNet2DConditionModel:
    attentive = len(size.unet) - 1
    return UNet2DConditionModel(
        sample_size=size.latent,
        in_channels=4,
        out_channels=4,
        block_out_channels=size.unet,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * attentive,
        up_block_types=("CrossAttnUpBlock2D",) * attentive + ("UpBlock2D",),
        attention_head_dim=4,
        norm_num_groups=8,
        cross_attention_dim=size.words,
    )


def build_scheduler() -> Any:
    """Stable Diffusion's own."""
    return scheduler("epsilon", steps_offset=1)


def tokens_of(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """Token ids [B, LENGTH], padded with the end token."""
    encoded = tokenizer(list(captions), padding="max_length", max_length=LENGTH)
    return torch.tensor(encoded["input_ids"])


def read(networks: Networks, tokens: Tensor) -> Tensor:
    """The text encoder's states [B, LENGTH, W] of tokens [B, LENGTH]."""
    states: Tensor = networks.text_encoder(input_ids=tokens).last_hidden_state
    return states


def predict_noise(networks: Networks, noisy: Tensor, timestep: Tensor, words: Tensor) -> Tensor:
    """The network's answer for noisy latents [B, 4, S, S], timesteps [B] and texts that were `read`."""
    noise: Tensor = networks.unet(noisy, timestep, encoder_hidden_states=words).sample
    return noise


@torch.no_grad()
def centre_latents(vae: Any, latents: Tensor) -> None:
    """Change the 1 x 1 convolutions on both sides of the code so that, over raw `latents` [N, 4, S, S] of this very
    autoencoder, every channel has mean 0 and deviation 1 / SCALE. Pictures stay as they were."""
    mean, scale = latents.mean((0, 2, 3)), SCALE * latents.std((0, 2, 3))
    before, after = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    before.weight[:channels] /= scale[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - mean) / scale
    # The second half are logarithms of variances.
    before.bias[channels:] -= 2 * scale.log()
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= scale[None, :, None, None]
