"""What the methods arrive at, as points to look at (the paper's figures 1 and 3), with and without guidance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from server.lab.densities import CLASS_OF, density
from server.lab.guided import guided
from server.lab.table2 import quality, run_method

METHODS = ("ddim", "sds", "sds-log-normal", "paper", "tweedie")
# With those that begin by an inversion.
INVERTING = ("ddim", "sds", "sdi", "flow", "paper", "tweedie")


def samples(
    densities: Sequence[str],
    methods: Sequence[str] = METHODS,
    scale: float = 1.0,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda description: None,
) -> dict[str, Any]:
    """Optimise 400 points with the ideal denoiser.

    Args:
        scale: of classifier-free guidance towards each density's class (CLASS_OF); 1 is the density itself.

    Returns:
        rows of density, method, scale, nll, precision, recall, points [400][2].
    """
    rows = []
    for name in densities:
        mixture = density(name if scale == 1.0 else CLASS_OF[name][0])
        for method in methods:
            label = f"{name}, {method}"
            denoiser = guided(name, scale) if scale != 1.0 else mixture

            def report(step: int, points: Tensor, q: float, label: str = label) -> None:
                on_step(label)

            points, _ = run_method(method, name, denoiser, seed, report)
            nll, _, precision, recall, _ = quality(mixture, points, seed)
            rows.append(
                {
                    "density": name,
                    "method": method,
                    "scale": scale,
                    "nll": nll,
                    "precision": precision,
                    "recall": recall,
                    "points": points.tolist(),
                }
            )
    return {"rows": rows}
