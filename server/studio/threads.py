"""How many threads an optimisation takes, the same for every caller: their number decides how sums are rounded."""

from __future__ import annotations

import os

import torch


def use_half_of_the_cores() -> int:
    """Leave the other half to Blender; a person's OMP_NUM_THREADS wins.

    On two cores that is one thread, which is also the fastest: the tensors of a step are too small to share (measured:
    49 s with one thread, 68 s with two).

    Returns the number of threads.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // 2))
    return torch.get_num_threads()
