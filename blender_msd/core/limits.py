"""Limits of a recipe, which Blender checks before it asks the server.

The server has its own, in a schema that Blender's Python cannot read: it has no pydantic. A test holds them together.
"""

from __future__ import annotations

from typing import NamedTuple


class Range(NamedTuple):
    """Both ends belong to it."""

    least: float
    most: float


# As Python counts: one for a Chinese character and for a simple emoji, whatever bytes they take.
PROMPT_CHARACTERS = 1000
MODEL_CHARACTERS = 4096
SEED = Range(0, 2**31 - 1)
PICTURE_SIDE = Range(32, 8192)
# In the prior's latent units; in Blender 0, too, which leaves it to the prior.
BANDWIDTH = Range(0.001, 100.0)
