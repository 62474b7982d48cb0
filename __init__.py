"""Blender wants a package next to the manifest; everything is in `blender_msd`."""

from typing import Any

from .blender_msd import register, unregister

__all__ = ["api", "register", "unregister"]  # of which the first is made below


def __getattr__(name: str) -> Any:
    """Scripts take the interface from here; it needs Blender, and tools that only look at this package have none."""
    if name == "api":
        from .blender_msd import api

        return api
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
