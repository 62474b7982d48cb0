"""When two results of floating-point arithmetic count as the same."""

from __future__ import annotations

from typing import Any

import torch


def assert_close_to_rounding(actual: Any, expected: Any, within: float = 1e-5) -> None:
    """The distance of two tensors or arrays is small beside the size of `expected`, in the Euclidean norm.

    Processors add in different orders, and so does one processor when arrays lie elsewhere or a batch is cut. Each sum
    is then off by roundings of its largest terms, so that an element in which they nearly cancel must not be judged by
    its own size. One rounding of float32 is 6e-8; 1e-5 leaves room for some hundred layers and terms.
    """
    actual, expected = (torch.as_tensor(values).detach().double() for values in (actual, expected))
    assert actual.shape == expected.shape
    distance, size = float((actual - expected).norm()), float(expected.norm())
    assert distance <= within * size, f"{distance / size if size else float('inf'):.1e} of the norm apart"
