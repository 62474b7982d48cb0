"""From a training run to the folder that the tests keep: a diffusers folder in half precision, which the loader of
pretrained models opens like any other, and its model card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from server.errors import BadRequest
from server.files import write_text
from server.training.photographs import FRONT_BIAS
from server.training.stand_in import CHECKPOINT, NAMED, NO_TEXT
from server.training.stand_in_networks import Networks, build_networks, build_scheduler
from server.training.stand_in_plan import Size
from server.training.state import read_checkpoint
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
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name in ("text_encoder", "unet", "vae"):
        getattr(networks, name).to(torch.float16).save_pretrained(partial / name)
    networks.tokenizer.save_pretrained(partial / "tokenizer")
    build_scheduler().save_pretrained(partial / "scheduler")
    write_text(partial / "model_index.json", json.dumps(INDEX, indent=2) + "\n")
    write_text(partial / "README.md", model_card(state["plan"], state["step"]))
    size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise BadRequest(
            "weights-too-large", f"The weights take {size} bytes; {MOST_BYTES} may be kept.", f"They are in {partial}."
        )
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return size


def load_networks(run: Path) -> tuple[Networks, dict[str, Any]]:
    """The averaged networks of a run's last checkpoint, in full precision, and the checkpoint.

    Raises:
        BadRequest: "checkpoint-missing" or "training-unfinished".
    """
    path = run / CHECKPOINT
    if not path.exists():
        hint = "Train first: python -m server train-stand-in."
        raise BadRequest("checkpoint-missing", f"{path} does not exist.", hint)
    state = read_checkpoint(path, torch.device("cpu"))
    if state["stage"] != "diffusion":
        raise BadRequest("training-unfinished", "Only the autoencoder is trained so far.", "Let the training go on.")
    size = state["plan"]["size"]
    widths = {name: tuple(size[name]) for name in ("autoencoder", "unet")}
    networks = build_networks(Size(**{**size, **widths}), 0)
    for name in ("vae", "text_encoder", "unet"):
        getattr(networks, name).load_state_dict(state[name])
    trained = [*networks.text_encoder.parameters(), *networks.unet.parameters()]
    with torch.no_grad():
        # Behind them is the probe's, which was for training alone.
        for parameter, average in zip(trained, state["average"]["values"], strict=False):
            parameter.copy_(average)
    for module in (networks.vae, networks.text_encoder, networks.unet):
        module.eval()
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
