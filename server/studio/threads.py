"""How many threads an optimisation takes, the same for every caller: their number decides how sums are rounded."""

from __future__ import annotations

import os

import torch


def use_half_of_the_cores() -> int:
    """Leave the other half to Blender, but take two where there are two; a person's OMP_NUM_THREADS wins.

    Returns the number of threads.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(min(cores, 2), cores // 2))
    return torch.get_num_threads()
