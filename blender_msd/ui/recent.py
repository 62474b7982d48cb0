"""The prompts that were used last, over all files."""

from __future__ import annotations

from .. import bridge
from ..core.recents import Recents

# None while the add-on is disabled.
_recents: Recents | None = None


def recents() -> Recents:
    assert _recents is not None, "the add-on is not enabled"
    return _recents


def register() -> None:
    global _recents
    _recents = Recents(bridge.user_dir() / "recent-prompts.json")


def unregister() -> None:
    global _recents
    _recents = None
