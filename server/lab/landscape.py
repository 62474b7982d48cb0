"""The loss that a gradient field belongs to: its reconstruction, its maxima, and whether there is one at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from server.guidance.estimate import Estimator
from server.guidance.noise import Fresh
from server.lab.densities import CLASS_OF, START_BOX, density
from server.lab.guided import guided
from server.lab.methods import ESTIMATORS, SCALE_FREE
from server.priors.denoiser import Denoiser

Array = NDArray[np.float64]

# What is shown of each density. Of the others, where points start.
BOX: dict[str, tuple[float, float]] = {
    **START_BOX,
    "fractal": (-0.8, 1.7),
    "fractal_b": (-1.7, 0.8),
    "fractal_ab": (-1.7, 1.7),
}


def integrate(field: Array, spacing: float) -> tuple[Array, float]:
    """The function whose gradient is closest to `field`, up to a constant.

    Least squares over all edges of the grid: (f_j - f_i) / h is to be the mean of the field's components along the
    edge at both ends. The normal equations are a 5-point Poisson equation with natural boundaries.

    Args:
        field: [n, n, 2]; entry [i, j] is the field at (x_i, y_j).
        spacing: h.

    Returns:
        f [n, n] with maximum 0, and the residual relative to the field: 0 for a gradient field, more where it has curl.
    """
    n = field.shape[0]
    index = np.arange(n * n).reshape(n, n)
    tails = np.concatenate([index[:-1].ravel(), index[:, :-1].ravel()])
    heads = np.concatenate([index[1:].ravel(), index[:, 1:].ravel()])
    wanted = np.concatenate(
        [
            (field[:-1, :, 0] + field[1:, :, 0]).ravel() / 2,
            (field[:, :-1, 1] + field[:, 1:, 1]).ravel() / 2,
        ]
    )
    edges = np.arange(len(tails))
    difference = coo_matrix(
        (
            np.concatenate([np.full(len(tails), 1 / spacing), np.full(len(tails), -1 / spacing)]),
            (np.concatenate([edges, edges]), np.concatenate([heads, tails])),
        ),
        shape=(len(tails), n * n),
    ).tocsr()
    # The constant is free: the first node is pinned to 0.
    free = difference[:, 1:]
    solution = np.concatenate([[0.0], spsolve((free.T @ free).tocsc(), free.T @ wanted)])
    residual = float(np.linalg.norm(difference @ solution - wanted) / np.linalg.norm(wanted))
    values = solution.reshape(n, n)
    return values - values.max(), residual


@dataclass(frozen=True)
class Landscape:
    """Attributes:
    axis: [n] coordinates along both axes.
    values: [n, n] reconstructed f, maximum 0.
    residual: how far the field is from being a gradient.
    """

    axis: Array
    values: Array
    residual: float

    def maximum(self) -> tuple[float, float]:
        i, j = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return float(self.axis[i]), float(self.axis[j])


def mean_field(
    estimator: Estimator,
    denoiser: Denoiser,
    x: Tensor,
    bandwidth: float,
    draws: int,
    generator: torch.Generator,
    on_draw: Callable[[], None] = lambda: None,
) -> Tensor:
    """E[target - x] at x [P, 2], averaged over `draws`."""
    total = torch.zeros_like(x)
    for _ in range(draws):
        total += estimator(denoiser, x, bandwidth, Fresh(generator)).target - x
        on_draw()
    return total / draws


def landscape(
    density_name: str,
    method: str,
    bandwidth: float,
    generator: torch.Generator,
    size: int = 81,
    draws: int = 1,
    on_draw: Callable[[], None] = lambda: None,
    scale: float = 1.0,
) -> Landscape:
    """The landscape that `method` climbs: of m / lambda^2 for mean shifts, of minus the gradient for the others.

    Args:
        scale: of guidance towards a class of the density; 1 is the density itself.
    """
    denoiser = density(density_name) if scale == 1.0 else guided(density_name, scale)
    low, high = BOX[density_name]
    axis = torch.linspace(low, high, size, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    shift = mean_field(ESTIMATORS[method], denoiser, x, bandwidth, draws, generator, on_draw)
    unit = 1.0 if method in SCALE_FREE else bandwidth**2
    values, residual = integrate((shift / unit).reshape(size, size, 2).numpy(), (high - low) / (size - 1))
    return Landscape(axis.numpy(), values, residual)


# (method, bandwidth, draws): sampled fields need averaging before they can be integrated.
SHOWN: Sequence[tuple[str, float, int]] = (
    ("sds", 1.0, 48),
    ("sds-uniform-sigma", 1.0, 48),
    ("sds-log-normal", 1.0, 48),
    ("tweedie", 0.3, 1),
    ("tweedie", 0.1, 1),
    ("paper", 0.3, 1),
)


def landscapes(
    density_name: str,
    seed: int = 0,
    on_draw: Callable[[], None] = lambda: None,
    size: int = 81,
    scale: float = 1.0,
) -> tuple[dict[str, Any], list[Landscape]]:
    """All of SHOWN, on a grid of size^2 nodes.

    Args:
        scale: of guidance towards a class of the density (CLASS_OF); 1 is the density itself.

    Returns:
        rows of density, scale, method, bandwidth, maximum (where f is highest), log_density_there (of the class, where
        there is guidance), residual (of the reconstruction, a test of curl), reconstruction_error (largest distance to
        the true log p_lambda; None where there is none); and the landscapes themselves.
    """
    mixture = density(density_name if scale == 1.0 else CLASS_OF[density_name][0])
    rows, found = [], []
    for method, bandwidth, draws in SHOWN:
        generator = torch.Generator().manual_seed(seed)
        result = landscape(density_name, method, bandwidth, generator, size, draws, on_draw, scale)
        at = result.maximum()
        error = None
        if method == "tweedie" and scale == 1.0:
            axis = torch.from_numpy(result.axis)
            truth = mixture.log_density(torch.cartesian_prod(axis, axis), bandwidth).reshape(result.values.shape)
            error = float((truth - truth.max() - torch.from_numpy(result.values)).abs().max())
        rows.append(
            {
                "density": density_name,
                "scale": scale,
                "method": method,
                "bandwidth": None if method in SCALE_FREE else bandwidth,
                "maximum": list(at),
                "log_density_there": float(mixture.log_density(torch.tensor([at], dtype=torch.float64))),
                "residual": result.residual,
                "reconstruction_error": error,
            }
        )
        found.append(result)
    return {"rows": rows}, found
