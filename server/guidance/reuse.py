"""Targets that pay for more than one step."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import torch
from torch import Tensor

View = TypeVar("View")


class TargetBuffer(Generic[View]):
    """The newest targets, each with the view or crop it was made for.

    A sampled target costs many network calls and a generator's step next to none, so a target may serve several steps:
    the generator renders the old view anew and moves towards the old target. The price is staleness, as an old target
    was drawn around an x that has moved since.

    Use: `if buffer.wants_fresh():` make a target and `add` it, otherwise `draw` one.

    Args:
        size: targets kept; the oldest is dropped.
        uses: steps per target, the first included; 1 never reuses.
    """

    def __init__(self, size: int, uses: int) -> None:
        if size < 1 or uses < 1:
            raise ValueError("a target buffer needs size >= 1 and uses >= 1")
        self._kept: deque[tuple[View, Tensor]] = deque(maxlen=size)
        self._uses = uses
        self._draws_left = 0

    def wants_fresh(self) -> bool:
        """Whether the next step should make a new target."""
        return self._draws_left == 0

    def add(self, view: View, target: Tensor) -> None:
        self._kept.append((view, target.detach()))
        self._draws_left = self._uses - 1

    def draw(self, generator: torch.Generator) -> tuple[View, Tensor]:
        """One of the kept pairs, uniformly.

        Raises:
            IndexError: nothing was added yet.
        """
        if not self._kept:
            raise IndexError("draw from an empty target buffer")
        self._draws_left = max(self._draws_left - 1, 0)
        chosen = torch.randint(len(self._kept), (1,), generator=generator, device=generator.device)
        return self._kept[int(chosen)]
