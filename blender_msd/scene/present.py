"""What is always there while the add-on runs, although Blender's types allow for its absence."""

from __future__ import annotations

from typing import TypeVar

Found = TypeVar("Found")


def present(found: Found | None) -> Found:
    """`found`: the scene, view layer or window manager of the context, the nodes of a material that has nodes."""
    assert found is not None
    return found
