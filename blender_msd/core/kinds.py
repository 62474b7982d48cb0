"""The kinds of jobs, and what a model is shown of each."""

from __future__ import annotations

# What each makes, for people.
THINGS = {"mesh": "Object", "texture": "Texture", "retexture": "Texture of a mesh"}
KINDS = tuple(THINGS)


def shown_as(kind: str) -> str:
    """What a model is shown: an object that cameras look at, "mesh", or a flat surface, "texture"."""
    return "texture" if kind == "texture" else "mesh"
