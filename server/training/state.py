"""What a training run keeps: networks, their running averages, optimiser, and where it stands; written atomically."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from server.files import write_bytes

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
LOG_EVERY = 50  # steps


class RunningAverage:
    """Exponential moving average of trained weights; quicker at the start, when the average knows nothing yet."""

    def __init__(self, modules: list[nn.Module], decay: float) -> None:
        self._decay = decay
        self.updates = 0
        self.values = [p.detach().clone() for m in modules for p in m.parameters()]

    @torch.no_grad()
    def update(self, modules: list[nn.Module]) -> None:
        self.updates += 1
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.values, [p.detach() for m in modules for p in m.parameters()], 1 - decay)

    @torch.no_grad()
    def swap(self, modules: list[nn.Module]) -> None:
        """Exchange the averages with the modules' own weights."""
        for value, parameter in zip(self.values, (p for m in modules for p in m.parameters()), strict=True):
            kept = value.clone()
            value.copy_(parameter)
            parameter.copy_(kept)

    def state(self) -> dict[str, Any]:
        return {"updates": self.updates, "values": self.values}

    @torch.no_grad()
    def load(self, state: dict[str, Any]) -> None:
        self.updates = int(state["updates"])
        for value, saved in zip(self.values, state["values"], strict=True):
            value.copy_(saved)


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Never leaves half a file under `path`. Raises OSError, as server.files.replaced."""
    written = io.BytesIO()
    torch.save(state, written)
    write_bytes(path, written.getbuffer())


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def step_generator(seed: int, stage: str, step: int, device: torch.device) -> torch.Generator:
    """The randomness of one training step: of the seed and the step alone, so that a resumed run repeats it."""
    salt = {"light": 1, "code": 1, "diffusion": 2, "look": 3}[stage]
    return torch.Generator(device).manual_seed((seed * 4 + salt) * 100_000_000 + step)
