"""How well a set of points covers a density, and how sharp it is."""

from __future__ import annotations

import torch
from torch import Tensor

from server.priors.mixture import GaussianMixture

# Bandwidths of the kernels whose squared discrepancies are averaged; from the width of a branch to that of the data.
MMD_BANDWIDTHS = (0.05, 0.1, 0.2, 0.5, 1.0)


def negative_log_likelihood(mixture: GaussianMixture, points: Tensor) -> tuple[float, float]:
    """Mean and median of -log p over points [n, 2]. A value below that of true samples means mode seeking, not a better
    fit; its floor is -max log p."""
    values = -mixture.log_density(points)
    return float(values.mean()), float(values.median())


def precision_recall(generated: Tensor, real: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """k-nearest-neighbour precision and recall (Kynkaanniemi et al. 2019).

    Precision is the share of generated points that lie inside the ball of some real point, whose radius is the distance
    to its k-th neighbour; recall is the same with the roles exchanged. Both depend on the size of the sets: compare
    equal sizes only.
    """
    return _covered(generated, real, neighbours), _covered(real, generated, neighbours)


def _covered(points: Tensor, support: Tensor, neighbours: int) -> float:
    # The nearest point of a set to one of its own is itself.
    radii = torch.cdist(support, support).kthvalue(neighbours + 1, dim=1).values
    return float((torch.cdist(points, support) <= radii).any(1).double().mean())


def maximum_mean_discrepancy(first: Tensor, second: Tensor) -> float:
    """Unbiased MMD^2 (Gretton et al. 2012, Eq. 3) of two sets, averaged over Gaussian kernels of MMD_BANDWIDTHS."""
    total = 0.0
    for bandwidth in MMD_BANDWIDTHS:

        def kernel(a: Tensor, b: Tensor, bandwidth: float = bandwidth) -> Tensor:
            return torch.exp(-(torch.cdist(a, b) ** 2) / (2 * bandwidth**2))

        def within(a: Tensor) -> Tensor:
            matrix = kernel(a, a)
            return (matrix.sum() - matrix.diagonal().sum()) / (len(a) * (len(a) - 1))

        total += float(within(first) + within(second) - 2 * kernel(first, second).mean())
    return total / len(MMD_BANDWIDTHS)
