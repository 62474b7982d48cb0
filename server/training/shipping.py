"""From a training run to a diffusers folder: the averaged weights as safetensors, one folder a component."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from server.errors import BadRequest
from server.files import write_text
from server.training.state import CHECKPOINT, read_checkpoint


def last_checkpoint(run: Path, device: torch.device, command: str) -> dict[str, Any]:
    """What a run keeps whose last stage, "diffusion", has begun.

    Args:
        command: that trains.

    Raises:
        BadRequest: "checkpoint-missing" or "training-unfinished".
    """
    path = run / CHECKPOINT
    if not path.exists():
        raise BadRequest("checkpoint-missing", f"{path} does not exist.", f"Train first: python -m server {command}.")
    state = read_checkpoint(path, device)
    if state["stage"] != "diffusion":
        message = f"Only the first stage is trained so far ({state['stage']})."
        raise BadRequest("training-unfinished", message, "Let the training go on.")
    return state


def load_averages(modules: Mapping[str, nn.Module], averaged: Iterable[str], state: dict[str, Any]) -> None:
    """Fill the modules from a checkpoint, those named in `averaged`, in their order, with the averages."""
    for name, module in modules.items():
        module.load_state_dict(state[name])
    trained = [parameter for name in averaged for parameter in modules[name].parameters()]
    with torch.no_grad():
        # Behind them may stand those of what was for training alone.
        for parameter, average in zip(trained, state["average"]["values"], strict=False):
            parameter.copy_(average)
    for module in modules.values():
        module.eval()


def write_pipeline(
    folder: Path, index: dict[str, Any], components: Mapping[str, Any], texts: Mapping[str, str], most_bytes: int
) -> int:
    """Replace `folder` by a pipeline; returns its bytes.

    Args:
        index: what `model_index.json` says.
        components: each saves itself.
        texts: further files.

    Raises:
        BadRequest: "weights-too-large"; what was written lies beside the folder.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, component in components.items():
        component.save_pretrained(partial / name)
    for name, text in {"model_index.json": json.dumps(index, indent=2) + "\n", **texts}.items():
        write_text(partial / name, text)
    size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
    if size > most_bytes:
        message = f"The weights take {size} bytes; {most_bytes} are allowed."
        raise BadRequest("weights-too-large", message, f"They are in {partial}.")
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return size
