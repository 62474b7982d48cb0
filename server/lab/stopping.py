"""q over a run, and where the criterion of convergence would have stopped it.

The paper stops when the distance to the target is below a threshold, whose value it does not give. q is that distance
in bandwidths per dimension (server/guidance/convergence.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from torch import Tensor

from server.lab.densities import density
from server.lab.metrics import negative_log_likelihood
from server.lab.table2 import run_method

METHODS = ("sds", "sds-log-normal", "noised", "exact", "paper", "tweedie")
THRESHOLD, CHECKS = 0.1, 5


def stopped_at(course: Sequence[float], threshold: float = THRESHOLD, checks: int = CHECKS) -> int | None:
    """The update, from 1, after which q had stayed below the threshold for `checks` updates; None when it never did."""
    below = 0
    for number, q in enumerate(course, 1):
        below = below + 1 if q < threshold else 0
        if below == checks:
            return number
    return None


def stopping(
    densities: Sequence[str],
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda description: None,
) -> dict[str, Any]:
    """Optimise 400 points with the ideal denoiser, to the end whatever the criterion says.

    Args:
        methods: names of server.lab.methods.RUNS.
        on_step: called after every update with what is running.

    Returns:
        rows of density, method, steps, stopped (None: never), q_first, q_end, nll_stopped (None: never), nll_end,
        course (q after every update) and nll (after every update).
    """
    rows = []
    for name in densities:
        mixture = density(name)
        for method in methods:
            course: list[float] = []
            likely: list[float] = []

            def watch(step: int, points: Tensor, q: float, label: str = f"{name}, {method}") -> None:
                course.append(q)  # noqa: B023
                likely.append(negative_log_likelihood(mixture, points)[0])  # noqa: B023
                on_step(label)

            run_method(method, name, mixture, seed, watch)
            stop = stopped_at(course)
            rows.append(
                {
                    "density": name,
                    "method": method,
                    "steps": len(course),
                    "stopped": stop,
                    "q_first": course[0],
                    "q_end": fmean(course[-CHECKS:]),
                    "nll_stopped": None if stop is None else likely[stop - 1],
                    "nll_end": likely[-1],
                    "course": course,
                    "nll": likely,
                }
            )
    return {"rows": rows}
