"""Where the hub's library looks for models that were fetched before."""

from __future__ import annotations

from pathlib import Path

import pytest


def move_hub_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the hub's cache be `folder`, wherever the library has copied its place to."""
    for holder in ("constants", "utils._cache_manager"):
        monkeypatch.setattr(f"huggingface_hub.{holder}.HF_HUB_CACHE", str(folder))
