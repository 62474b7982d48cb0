"""How the answers to several conditions become one denoiser: rules of guidance.

A rule sees the answers D_c (the prompt), D_u (no prompt) and D_n (what is to be avoided; there may be several), each an
estimate of the clean image. There is one convention: a scale w stands for uncond + w (cond - uncond), so 1 is the
conditional model alone and 0 the unconditional one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from server.priors.parametrisation import per_element

CONDITIONAL, UNCONDITIONAL = "conditional", "unconditional"


def negative(number: int) -> str:
    """Name of the branch of what is to be avoided, from 0."""
    return f"negative {number}"


class Rule(Protocol):
    def needs(self, sigma: Tensor) -> tuple[str, ...]:
        """The branches that `combine` wants answered at these noise levels [B]; every one costs a network call."""

    def combine(self, noisy: Tensor, sigma: Tensor, answers: Mapping[str, Tensor]) -> Tensor:
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

    def needs(self, sigma: Tensor) -> tuple[str, ...]:
        acts = self._acts(sigma)
        if self.scale == 1.0 or not bool(acts.any()):
            return (CONDITIONAL,)
        if self.scale == 0.0 and bool(acts.all()):
            return (UNCONDITIONAL,)
        return (CONDITIONAL, UNCONDITIONAL)

    def combine(self, noisy: Tensor, sigma: Tensor, answers: Mapping[str, Tensor]) -> Tensor:
        if len(answers) == 1:
            return next(iter(answers.values()))
        scale = per_element(1 + (self.scale - 1) * self._acts(sigma), noisy)
        return answers[UNCONDITIONAL] + scale * (answers[CONDITIONAL] - answers[UNCONDITIONAL])

    def _acts(self, sigma: Tensor) -> Tensor:
        return (sigma >= self.interval[0]) & (sigma <= self.interval[1])


@dataclass(frozen=True)
class PerpendicularNegatives:
    """D = D_u + w [d_c - sum_i v_i d_i'], with d_b = D_b - D_u and d_i' the part of d_i perpendicular to d_c
    (Armandpour et al. 2023, "Perp-Neg"): what is to be avoided removes only what the prompt did not ask for.

    Attributes:
        scale: w.
        strengths: v_i >= 0 of each branch to be avoided, [N], or [B, N] for each image.
    """

    scale: float
    strengths: Tensor

    def needs(self, sigma: Tensor) -> tuple[str, ...]:
        return (CONDITIONAL, UNCONDITIONAL, *(negative(number) for number in range(self.strengths.shape[-1])))

    def combine(self, noisy: Tensor, sigma: Tensor, answers: Mapping[str, Tensor]) -> Tensor:
        wanted = answers[CONDITIONAL] - answers[UNCONDITIONAL]
        direction = wanted
        for number in range(self.strengths.shape[-1]):
            strength = per_element(self.strengths[..., number].to(noisy.device), noisy)
            unwanted = answers[negative(number)] - answers[UNCONDITIONAL]
            direction = direction - strength * perpendicular(unwanted, wanted)
        return answers[UNCONDITIONAL] + self.scale * direction


def perpendicular(of: Tensor, to: Tensor) -> Tensor:
    """The part of `of` [B, ...] that is perpendicular to `to` [B, ...], image by image."""
    length = per_element((to**2).flatten(1).sum(1), of)
    along = per_element((to * of).flatten(1).sum(1), of)
    # A prompt that changes nothing has no direction to be perpendicular to.
    share = torch.where(length > 0, along / length, 0)
    return of - share * to
