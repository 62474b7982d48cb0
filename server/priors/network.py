"""Keeps the libraries that load models away from the network."""

from __future__ import annotations

import os

# Each library reads its own when it is imported; whoever starts later inherits them.
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def stay_offline() -> None:
    """For this process and those that it starts; to be called before any of the libraries is imported."""
    os.environ.update(dict.fromkeys(OFFLINE, "1"))
