"""Where an estimator's noise comes from: drawn anew for every step, or attached to what is made.

A distillation step noises what it sees of its subject. With fresh noise every step asks the prior for another answer,
and wherever the prior leaves something open (where a pattern begins, which way an object is turned) the answers of many
steps average it away. Noise that belongs to the subject makes the target a function of what is seen: the run follows
the probability-flow path of one sample, and detail stays. README.md derives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """The randomness of one step."""

    @property
    def generator(self) -> torch.Generator:
        """For everything that is drawn anew in every step whatever the noise is: noise levels, say."""

    def like(self, x: Tensor, number: int = 0) -> Tensor:
        """Standard normal noise shaped like x [B, ...], on its device. Draws of one step that are to be independent of
        each other ask for different numbers, from 0."""


@dataclass(frozen=True)
class Fresh:
    """Noise drawn where the generator lives, so that a CPU generator gives the same noise whatever device x is on."""

    generator: torch.Generator

    def like(self, x: Tensor, number: int = 0) -> Tensor:
        drawn = torch.randn(x.shape, generator=self.generator, device=self.generator.device, dtype=x.dtype)
        return drawn.to(x.device)


@dataclass(frozen=True)
class Attached:
    """The subject's own noise, as it is seen in this step.

    Attributes:
        law: law(number, [B, C, H, W]) -> standard normal noise of that shape, as B views or windows see the subject's
            field of that number; fields of different numbers are independent.
    """

    law: Callable[[int, torch.Size], Tensor]
    generator: torch.Generator

    def like(self, x: Tensor, number: int = 0) -> Tensor:
        return self.law(number, x.shape).to(x)
