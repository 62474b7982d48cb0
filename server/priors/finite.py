"""Weights with numbers that are not finite are refused when they are loaded: what they touch is not finite either."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from server.errors import BadRequest


def is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite. Their extremes are where they are: found in a tenth of a second a gigabyte, where
    looking at each takes three."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    return all(bool(extreme.isfinite()) for extreme in torch.aminmax(tensor.detach()))


def check_finite(network: nn.Module, what: str) -> None:
    """Look at every number of a network.

    Args:
        what: names the network in the message.

    Raises:
        BadRequest: "prior-broken".
    """
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if not is_finite(tensor):
            count = tensor.numel() - int(tensor.isfinite().sum())
            raise BadRequest(
                "prior-broken",
                f"{what} holds numbers that are not finite ({count} of {tensor.numel()} in {name}).",
                "Its file may be damaged: copy or download it again.",
            )
