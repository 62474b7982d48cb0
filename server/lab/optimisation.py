"""Distillation of points: what a generator does with an estimator, with nothing between the parameters and x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from server.errors import JobFailed
from server.guidance.convergence import Convergence
from server.guidance.estimate import Estimator
from server.guidance.mean_shift import Tweedie
from server.guidance.noise import Fresh
from server.guidance.schedules import Schedule
from server.priors.denoiser import Denoiser


@dataclass(frozen=True)
class Run:
    """One way of optimising points.

    Attributes:
        estimator: where the targets come from.
        steps: updates, over which the schedules run.
        bandwidth: lambda over the run, in units of clean points.
        learning_rate: Adam's; None takes x <- target instead, which is classical mean shift.
        polish_steps, polish_bandwidth: updates of classical mean shift with one-call targets at the end. Adam's steps
            have the size of its learning rate however small the shift is, and leave points beside the mode.
    """

    estimator: Estimator
    steps: int
    bandwidth: Schedule
    learning_rate: Schedule | None = None
    polish_steps: int = 0
    polish_bandwidth: float = 0.015


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    points: [n, d] after the last update.
    calls_per_point: network calls.
    q: scaled shift norm at the end, see `server.guidance.convergence`.
    """

    points: Tensor
    calls_per_point: int
    q: float


class Diverged(JobFailed):
    """A non-finite value appeared. `points` [n, d] holds the last good state, after `steps` updates."""

    def __init__(self, points: Tensor, steps: int) -> None:
        super().__init__(
            "diverged",
            f"The optimisation reached a non-finite value in update {steps + 1}.",
            "Lower the learning rate or raise the final bandwidth.",
        )
        self.points = points
        self.steps = steps


def optimise(
    run: Run,
    denoiser: Denoiser,
    start: Tensor,
    generator: torch.Generator,
    on_step: Callable[[int, Tensor, float], None] = lambda step, points, q: None,
) -> Outcome:
    """Move the points `start` [n, ...] by `run`.

    Args:
        on_step: called after every update with (updates done, points, q so far).

    Raises:
        Diverged: a target or a point is not finite.
    """
    points = start.clone().requires_grad_()
    adam = torch.optim.Adam([points]) if run.learning_rate else None
    convergence = Convergence(0.0)
    calls = 0
    total = run.steps + run.polish_steps
    for step in range(total):
        progress = step / max(run.steps - 1, 1)
        polishing = step >= run.steps
        estimator = Tweedie() if polishing else run.estimator
        bandwidth = run.polish_bandwidth if polishing else run.bandwidth(progress)
        before = points.detach().clone()
        estimate = estimator(denoiser, before, bandwidth, Fresh(generator))
        calls += estimate.denoiser_calls
        if adam is None or polishing:
            points.data.copy_(estimate.target)
        else:
            assert run.learning_rate is not None
            adam.param_groups[0]["lr"] = run.learning_rate(progress)
            points.grad = before - estimate.target
            adam.step()
        if not bool(torch.isfinite(points).all()):
            raise Diverged(before, step)
        convergence.update(estimate.target - before, bandwidth)
        on_step(step + 1, points.detach(), convergence.q)
    return Outcome(points.detach(), calls, convergence.q)


def stratified_start(box: tuple[float, float], per_side: int, generator: torch.Generator) -> Tensor:
    """per_side^2 starting points [n, 2], float64: one uniform in each cell of a grid over the square `box`."""
    low, high = box
    cells = torch.cartesian_prod(*[torch.arange(per_side, dtype=torch.float64)] * 2)
    inside = torch.rand(cells.shape, generator=generator, dtype=torch.float64)
    return low + (cells + inside) * (high - low) / per_side
