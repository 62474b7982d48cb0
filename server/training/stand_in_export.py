"""From a training run to the folder that the tests keep: a diffusers folder in half precision, which the loader of
pretrained models opens like any other, and its model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from server.training.photographs import FRONT_BIAS
from server.training.shipping import last_checkpoint, load_averages, write_pipeline
from server.training.stand_in import NAMED, NO_TEXT
from server.training.stand_in_networks import Networks, build_networks, build_scheduler
from server.training.stand_in_plan import Size
from server.world.captions import COLOURS, KINDS

MOST_BYTES = 8_000_000

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "safety_checker": [None, None],
    "feature_extractor": [None, None],
}


def export(run: Path, folder: Path) -> int:
    """Write the run's averaged weights and their model card to `folder`, replacing what is there.

    Returns:
        The bytes written.

    Raises:
        BadRequest: no checkpoint, one that has not reached the diffusion network, or a result above 8 MB.
    """
    networks, state = load_networks(run)
    halves = {name: getattr(networks, name).to(torch.float16) for name in ("text_encoder", "unet", "vae")}
    components = {**halves, "tokenizer": networks.tokenizer, "scheduler": build_scheduler()}
    texts = {"README.md": model_card(state["plan"], state["step"])}
    return write_pipeline(folder, INDEX, components, texts, MOST_BYTES)


def load_networks(run: Path) -> tuple[Networks, dict[str, Any]]:
    """The averaged networks of a run's last checkpoint, in full precision, and the checkpoint.

    Raises:
        BadRequest: "checkpoint-missing" or "training-unfinished".
    """
    state = last_checkpoint(run, torch.device("cpu"), "train-stand-in")
    size = state["plan"]["size"]
    widths = {name: tuple(size[name]) for name in ("autoencoder", "unet")}
    networks = build_networks(Size(**{**size, **widths}), 0)
    modules = {name: getattr(networks, name) for name in ("vae", "text_encoder", "unet")}
    load_averages(modules, ("text_encoder", "unet"), state)
    return networks, state


def model_card(plan: dict[str, Any], step: int) -> str:
    """The card in Markdown.

    Args:
        plan: of the checkpoint; step: of the diffusion network.
    """
    side = plan["size"]["image"]
    return f"""---
license: gpl-3.0
pipeline_tag: text-to-image
---
# The stand-in

A very small Stable Diffusion for this program's tests and measurements: a convolutional autoencoder with a KL term,
a CLIP text encoder and a UNet that predicts the noise, in the layout of Stable Diffusion 1. It opens like any other
diffusers folder. It does not ship: nobody should make anything with it.

It stands in for models of photographs where those cannot be run. As they do, it knows no camera, only the words "front
view", "side view", "back view" and "overhead view" at the end of a prompt. And as the photographs that they learned
from, its own show things from the front more often than from behind (as 1 + {FRONT_BIAS} cos of the azimuth), under
lamps and through lenses of all sorts, before any background. {NAMED:.0%} of the captions name the view. That makes
two-headed shapes likely, and is what it is for.

It knows "a COLOUR THING", for the things {", ".join(KINDS)}, in {", ".join(COLOURS)}; {side} x {side} pixels.

## Training

Procedural renders by this program; no photograph, no drawing by anybody. The autoencoder saw {plan["code_steps"]:,}
batches. {plan["pictures"]:,} photographs were encoded once, and the diffusion network and the text encoder, together,
saw {step:,} batches of {plan["batch"]} of them, {NO_TEXT:.0%} without their caption. A probe that reads kind, colour
and view from the text encoder's states was trained with them, so that words for views are told apart; it is not kept.

Made again by `python -m server train-stand-in --out RUN` and `python -m server export-stand-in RUN FOLDER`.
"""
