"""Weights with numbers that are not finite are refused when they are loaded: what they touch is not finite either."""

from __future__ import annotations

import torch
from torch import nn

from server.errors import BadRequest


def check_finite(network: nn.Module, what: str) -> None:
    """One look at every number: a sum is finite only where all of its terms are.

    Args:
        what: names the network in the message.

    Raises:
        BadRequest: "prior-broken".
    """
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if not tensor.is_floating_point() or bool(tensor.detach().sum(dtype=torch.float32).isfinite()):
            continue
        # Finite numbers may have a sum that is not.
        broken = tensor.numel() - int(tensor.isfinite().sum())
        if broken:
            raise BadRequest(
                "prior-broken",
                f"{what} holds numbers that are not finite ({broken} of {tensor.numel()} in {name}).",
                "Its file may be damaged: copy or download it again.",
            )
