"""What the optimisation loop needs from anything it can optimise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from server.world.views import Views

NoiseLaw = Callable[[int, torch.Size], Tensor]
"""law(number, [B, C, H, W]) -> standard normal noise of that shape in latent cells, as the B views or windows of an
exposure see the field of that number; fields of different numbers are independent."""


@dataclass(frozen=True)
class NoiseLaws:
    """Noise that stays what it is from step to step.

    Attributes:
        attached: it moves with what is made, and is seen from each view as the subject itself is.
        view: it belongs to the screen, and is the same whenever the view is.
    """

    attached: NoiseLaw
    view: NoiseLaw


@dataclass(frozen=True)
class Exposure:
    """One differentiable look at a subject.

    Attributes:
        image: [B, 3, S, S] in [0, 1], to be judged by the prior.
        views: the cameras it was seen from, or None for a flat picture.
        penalty: scalar added to the loss, on the scale of a mean squared latent error.
        visible: mean opacity of what is seen, in [0, 1]; a flat picture fills its frame.
        noise: the subject's own noise as seen in this exposure; None when it has none.
    """

    image: Tensor
    views: Views | None
    penalty: Tensor
    visible: float = 1.0
    noise: NoiseLaws | None = None


class Subject(Protocol):
    """g(theta, c): something with parameters that can be looked at under random conditions."""

    def expose(self, step: int, progress: float, generator: torch.Generator) -> Exposure:
        """Render under conditions drawn for optimisation step `step`; `progress` is the share of steps done."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for torch.optim.Adam, each with its peak learning rate."""

    def state(self) -> dict[str, Tensor]:
        """Everything that steps change, by name; may share memory with the subject."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Be as `state`, from any device, says; parameters keep their identity."""

    def lighten(self) -> str | None:
        """Look at about half as much in every step from now on, and say so; None when there is nothing left to halve.

        Steps never halve anything by themselves: it is asked for when memory ran out.
        """
