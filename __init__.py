"""Blender wants a package next to the manifest; everything is in `blender_msd`."""

from .blender_msd import register, unregister

__all__ = ["register", "unregister"]
