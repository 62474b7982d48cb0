"""A random Stable Diffusion of a few thousand weights, written to disk as save_pretrained would."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

SPECIAL = ("<|startoftext|>", "<|endoftext|>")
LENGTH = 20


def write_pipeline(folder: Path, prediction: str = "epsilon", **scheduler: Any) -> Path:
    """Images of 16 x 16, latents of 4 x 8 x 8."""
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=12,
        attention_head_dim=4,
        norm_num_groups=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=16,
        scaling_factor=0.2,
        shift_factor=0.1,
    ).save_pretrained(folder / "vae")
    vocabulary = write_tokenizer(folder / "tokenizer")
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
    )
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    return write_scheduler_and_index(folder, prediction, **scheduler)


def write_scheduler_and_index(folder: Path, prediction: str = "epsilon", **scheduler: Any) -> Path:
    """What makes networks and a tokenizer in `folder` a Stable Diffusion 1 or 2."""
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction,
        clip_sample=False,
        **scheduler,
    ).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def write_tokenizer(folder: Path, filler: str | None = None, length: int = LENGTH) -> int:
    """Byte pairs over lower-case letters with two merges; returns the size of the vocabulary.

    Args:
        filler: the word that short texts are filled up with; the end of the text where None.
        length: words of a text, with its two ends.
    """
    folder.mkdir(parents=True)
    letters = string.ascii_lowercase + string.digits
    merges = [("d", "u"), ("c", "k</w>")]
    # The first word of CLIP's own vocabulary, with which OpenCLIP fills up short texts.
    words = ["!", *letters, *[letter + "</w>" for letter in letters], *["".join(pair) for pair in merges], *SPECIAL]
    (folder / "vocab.json").write_text(
        json.dumps({word: number for number, word in enumerate(words)}), encoding="utf-8"
    )
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in merges) + "\n", encoding="utf-8"
    )
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": length,
        "bos_token": SPECIAL[0],
        "eos_token": SPECIAL[1],
        "unk_token": SPECIAL[1],
        "pad_token": filler or SPECIAL[1],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(words)
