"""Limits of what is made of a finished object. Blender alone makes it, so the server knows none of them."""

from __future__ import annotations

from .limits import Range

REDUCED_FACES = Range(4, 2_000_000)
LOD_LEVELS = Range(1, 8)
LOD_RATIO = Range(0.05, 0.95)
HULL_FACES = Range(8, 1000)
PRINTED_MM = Range(1.0, 10_000.0)
# QuadriFlow takes a millisecond and more for each.
RESHAPED_FACES = {"QUADS": Range(100, 50_000), "VOXELS": Range(100, 500_000)}
RESHAPE_SECONDS = Range(1.0, 3600.0)
