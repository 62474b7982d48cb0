"""When to stop: the scaled norm of the averaged shift."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def scaled_shift_norm(shift: Tensor, bandwidth: float) -> float:
    """q = ||m|| / (lambda sqrt d), averaged over the batch: the shift in bandwidths per dimension.

    Far from a mode q is of order 1 at any bandwidth and it vanishes at one, whereas ||m|| itself shrinks with lambda
    everywhere and proves nothing.

    Args:
        shift: [B, ...] m = target - x.
    """
    flat = shift.detach().flatten(1).float()
    return float(flat.norm(dim=1).mean()) / (bandwidth * flat.shape[1] ** 0.5)


class Convergence:
    """Says when q has stayed under a threshold for some updates in a row.

    Args:
        threshold: 0 never stops.
        checks: consecutive updates below it.
        momentum: of the running average.
        average: "shift" averages the vectors m / lambda, which cancels the noise of sampling estimators; every update
            must then look at the same x. "norm" averages q, for updates that look at different views or crops.
    """

    def __init__(
        self,
        threshold: float,
        checks: int = 5,
        momentum: float = 0.9,
        average: Literal["shift", "norm"] = "shift",
    ) -> None:
        self._threshold = threshold
        self._checks = checks
        self._momentum = momentum
        self._average = average
        self._mean: Tensor | None = None
        self._updates = 0
        self._below = 0
        self.q = float("inf")

    def state(self) -> dict[str, Tensor]:
        """What it remembers; nothing before the first update."""
        if self._mean is None:
            return {}
        return {"mean": self._mean, "counts": torch.tensor([self._updates, self._below])}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Remember what `state`, from any device, says."""
        self._mean = state.get("mean")
        self._updates, self._below = (int(count) for count in state["counts"]) if state else (0, 0)

    def update(self, shift: Tensor, bandwidth: float) -> bool:
        """Take the newest m = target - x [B, ...]; True once converged. `q` holds the current value."""
        scaled = shift.detach() / bandwidth
        value = torch.tensor([[scaled_shift_norm(scaled, 1.0)]]) if self._average == "norm" else scaled
        self._mean = torch.zeros_like(value) if self._mean is None else self._mean.to(value.device)
        self._mean = self._momentum * self._mean + (1 - self._momentum) * value
        self._updates += 1
        # The running average starts at zero; without this the first updates would look converged.
        self.q = scaled_shift_norm(self._mean / (1 - self._momentum**self._updates), 1.0)
        self._below = self._below + 1 if self.q < self._threshold else 0
        return self._below >= self._checks
