"""Blender wants a package next to the manifest; everything is in `blender_msd`."""

from .blender_msd import api, register, unregister

__all__ = ["api", "register", "unregister"]
