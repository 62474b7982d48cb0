"""From a plan to the estimator that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.guidance.estimate import Estimator
from server.guidance.inversion import DistillationViaInversion, Flow, Timesteps
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.score_distillation import ScoreDistillation
from server.studio.plan import Plan

_MEAN_SHIFT: dict[str, Callable[[Plan], Estimator]] = {
    "paper": lambda plan: Paper(
        samples=plan.samples, **_said(plan, "centre", "kernel_time", "interval", "inversion_scale"), **_levels(plan)
    ),
    "exact": lambda plan: Exact(samples=plan.samples, **_levels(plan)),
    "tweedie": lambda plan: Tweedie(),
    "noised": lambda plan: Noised(samples=plan.samples),
}

_METHODS: dict[str, Callable[[Plan], Estimator]] = {
    "msd": lambda plan: _MEAN_SHIFT[str(plan.estimator)](plan),
    "sds": lambda plan: ScoreDistillation(samples=plan.samples),
    "sdi": lambda plan: DistillationViaInversion(Timesteps(**_levels(plan)), **_said(plan, "inversion_scale")),
    "flow": lambda plan: Flow(**_levels(plan), **_said(plan, "inversion_scale")),
}


def estimator_of(plan: Plan) -> Estimator:
    """The estimator of a plan's method, with everything that the plan says of it."""
    return _METHODS[plan.method](plan)


def _said(plan: Plan, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(plan, name)) is not None}


def _levels(plan: Plan) -> dict[str, Any]:
    return {"steps": plan.sampler_steps}
