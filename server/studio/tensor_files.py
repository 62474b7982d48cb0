"""Tensors and what is known about them in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from server.files import write_bytes
from server.priors.finite import is_finite

# One key: safetensors writes several in an order of its own, and the same content would give different files.
METADATA = "blender_msd"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: dict[str, Any]) -> None:
    """Replace `path`. `about` must be JSON; the file does not depend on the tensors' device.

    Raises:
        OSError: as server.files.replaced.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(plain, metadata={METADATA: json.dumps(about, sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `write_tensors` wrote: `about`, and the tensors on the CPU.

    Raises:
        ValueError: the file is not one of ours, or damaged, or some of its numbers are not finite.
        OSError: it cannot be read.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = json.loads((file.metadata() or {})[METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not isinstance(about, dict):
        raise ValueError("it says nothing about itself")
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise ValueError(f"{name} holds numbers that are not finite")
    return about, tensors
