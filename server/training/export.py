"""From a training run to a diffusers folder: half-precision safetensors, one folder a component.

    python -m server export-prior RUN_FOLDER WEIGHTS_FOLDER [--gates JSON]

The averaged weights are exported. The folder reads like a Stable Diffusion one (tokenizer, text_encoder, unet, vae,
scheduler) with a `light_field` beside them; every component opens with its own `from_pretrained`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from server.errors import BadRequest
from server.files import write_text
from server.priors.embedded.card import TRAINING
from server.training.model_card import model_card
from server.training.networks import Networks, build_networks, build_scheduler
from server.training.plan import Size
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
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name in ("text_encoder", "unet", "light_field", "vae"):
        module = networks.patch_code if name == "vae" else getattr(networks, name)
        # The patch code is small, and its rounding errors would be in every picture.
        module.to(torch.float32 if name == "vae" else torch.float16).save_pretrained(partial / name)
    networks.tokenizer.save_pretrained(partial / "tokenizer")
    build_scheduler().save_pretrained(partial / "scheduler")
    write_text(partial / "model_index.json", json.dumps(INDEX, indent=2) + "\n")
    state = read_checkpoint(run / CHECKPOINT, torch.device("cpu"))
    write_text(partial / TRAINING, json.dumps(state["plan"], indent=2) + "\n")
    found = json.loads(gates.read_text(encoding="utf-8")) if gates else None
    card = model_card(state["plan"], state["step"], run / LOG, hardware, found)
    write_text(partial / "README.md", card)
    size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise BadRequest(
            "weights-too-large", f"The weights take {size} bytes; {MOST_BYTES} may ship.", f"They are in {partial}."
        )
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return size


def load_networks(run: Path, device: torch.device) -> Networks:
    """The averaged networks of a run's last checkpoint, in full precision."""
    path = run / CHECKPOINT
    if not path.exists():
        raise BadRequest("checkpoint-missing", f"{path} does not exist.", "Train first: python -m server train-prior.")
    state = read_checkpoint(path, device)
    if state["stage"] != "diffusion":
        raise BadRequest("training-unfinished", "Only the light field is trained so far.", "Let the training go on.")
    networks = build_networks(_size(state["plan"]["size"]), 0)
    for name in ("patch_code", "light_field", "text_encoder", "unet"):
        getattr(networks, name).load_state_dict(state[name])
    trained = [*networks.text_encoder.parameters(), *networks.unet.parameters()]
    with torch.no_grad():
        for parameter, average in zip(trained, state["average"]["values"], strict=True):
            parameter.copy_(average)
    for module in (networks.patch_code, networks.light_field, networks.text_encoder, networks.unet):
        module.to(device).eval()
    return networks


def _size(saved: dict[str, Any]) -> Size:
    return Size(**{**saved, "channels": tuple(saved["channels"])})
