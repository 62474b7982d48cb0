"""From a training run to a diffusers folder: half-precision safetensors, one folder a component.

    python -m server export-prior RUN_FOLDER WEIGHTS_FOLDER [--gates JSON]

The averaged weights are exported. The folder reads like a Stable Diffusion one (tokenizer, text_encoder, unet, vae,
scheduler) with a `light_field` beside them; every component opens with its own `from_pretrained`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from server.priors.embedded.card import TRAINING
from server.training.model_card import model_card
from server.training.networks import Networks, build_networks, build_scheduler
from server.training.plan import Size
from server.training.shipping import last_checkpoint, load_averages, write_pipeline
from server.training.state import CHECKPOINT, LOG, read_checkpoint

MOST_BYTES = 16 * 1024 * 1024

INDEX = {
    "_class_name": "EmbeddedPipeline",
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["server.priors.embedded.patch_code", "PatchCode"],
    "light_field": ["server.priors.embedded.light_field", "LightField"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}


def export(run: Path, folder: Path, hardware: str = "an unnamed machine", gates: Path | None = None) -> int:
    """Write the run's averaged weights and their model card to `folder`, replacing what is there.

    Args:
        hardware: what the run was trained on, in words.
        gates: what `python -m server evaluate prior --json` printed for these weights.

    Returns:
        The bytes written.

    Raises:
        BadRequest: no checkpoint, one that has not reached the diffusion network, or a result above 16 MiB.
    """
    networks = load_networks(run, torch.device("cpu"))
    # The patch code is small, and its rounding errors would be in every picture.
    halves = {name: getattr(networks, name).to(torch.float16) for name in ("text_encoder", "unet", "light_field")}
    components = {**halves, "vae": networks.patch_code, "tokenizer": networks.tokenizer, "scheduler": build_scheduler()}
    state = read_checkpoint(run / CHECKPOINT, torch.device("cpu"))
    found = json.loads(gates.read_text(encoding="utf-8")) if gates else None
    card = model_card(state["plan"], state["step"], run / LOG, hardware, found)
    texts = {TRAINING: json.dumps(state["plan"], indent=2) + "\n", "README.md": card}
    return write_pipeline(folder, INDEX, components, texts, MOST_BYTES)


def load_networks(run: Path, device: torch.device) -> Networks:
    """The averaged networks of a run's last checkpoint, in full precision."""
    state = last_checkpoint(run, device, "train-prior")
    networks = build_networks(_size(state["plan"]["size"]), 0)
    modules = {
        name: getattr(networks, name).to(device) for name in ("patch_code", "light_field", "text_encoder", "unet")
    }
    load_averages(modules, ("text_encoder", "unet"), state)
    return networks


def _size(saved: dict[str, Any]) -> Size:
    return Size(**{**saved, "channels": tuple(saved["channels"])})
