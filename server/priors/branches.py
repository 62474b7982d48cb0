"""How the answers to several conditions become one denoiser: rules of guidance.

A rule sees the answers D_c (the prompt), D_u (no prompt) and D_n (a negative prompt), each an estimate of the clean
image. There is one convention: a scale w stands for uncond + w (cond - uncond), so 1 is the conditional model alone and
0 the unconditional one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from server.priors.parametrisation import per_element

Branch = Literal["conditional", "unconditional", "negative"]


class Rule(Protocol):
    def needs(self, sigma: Tensor) -> tuple[Branch, ...]:
        """The branches that `combine` wants answered at these noise levels [B]; every one costs a network call."""

    def combine(self, noisy: Tensor, sigma: Tensor, answers: Mapping[Branch, Tensor]) -> Tensor:
        """One D [B, ...] from the answers [B, ...] to the branches of `needs`; noisy [B, ...], sigma [B]."""


@dataclass(frozen=True)
class ClassifierFree:
    """D = D_u + w (D_c - D_u) (Ho and Salimans 2022).

    Attributes:
        scale: w.
        interval: noise levels, in units of clean images, inside which guidance acts; outside them the conditional model
            answers alone, at half the cost (Kynkaanniemi et al. 2024).
    """

    scale: float
    interval: tuple[float, float] = (0.0, math.inf)

    def needs(self, sigma: Tensor) -> tuple[Branch, ...]:
        if self.scale == 1.0 or not bool(self._acts(sigma).any()):
            return ("conditional",)
        return ("conditional", "unconditional")

    def combine(self, noisy: Tensor, sigma: Tensor, answers: Mapping[Branch, Tensor]) -> Tensor:
        if "unconditional" not in answers:
            return answers["conditional"]
        scale = per_element(1 + (self.scale - 1) * self._acts(sigma), noisy)
        return answers["unconditional"] + scale * (answers["conditional"] - answers["unconditional"])

    def _acts(self, sigma: Tensor) -> Tensor:
        return (sigma >= self.interval[0]) & (sigma <= self.interval[1])


@dataclass(frozen=True)
class PerpendicularNegative:
    """D = D_u + w [d_c - v d_n'], with d_b = D_b - D_u and d_n' the part of d_n perpendicular to d_c (Armandpour et al.
    2023, "Perp-Neg"): the negative prompt removes only what the prompt did not ask for.

    Attributes:
        scale: w.
        negative: v >= 0, the strength of the negative prompt.
    """

    scale: float
    negative: float = 1.0

    def needs(self, sigma: Tensor) -> tuple[Branch, ...]:
        return ("conditional", "unconditional", "negative")

    def combine(self, noisy: Tensor, sigma: Tensor, answers: Mapping[Branch, Tensor]) -> Tensor:
        wanted = answers["conditional"] - answers["unconditional"]
        unwanted = answers["negative"] - answers["unconditional"]
        length = per_element((wanted**2).flatten(1).sum(1), noisy)
        along = per_element((wanted * unwanted).flatten(1).sum(1), noisy)
        # A prompt that changes nothing has no direction to be perpendicular to.
        share = (along / length).where(length > 0, 0)
        return answers["unconditional"] + self.scale * (wanted - self.negative * (unwanted - share * wanted))
