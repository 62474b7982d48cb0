"""What devices are called."""

from __future__ import annotations

import re


def is_device(name: str) -> bool:
    """Whether it is auto, cpu, cuda or cuda:NUMBER; not whether this machine has it."""
    return re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", name) is not None
