"""What forms, as the scene shows it until it is finished; no undo step is pushed for it.

Blender leaves a datablock as it is that is the same in the step it comes from and in the one it goes to. One of the
user's that has pointed at a preview since would then point at freed memory, and Blender would crash. So every preview
goes before a step is read, and comes back behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import bpy

from .core.arrays import Mesh, Pixels
from .scene import forming, images, placement
from .scene.images import Target
from .scene.placement import Place, Stance
from .scene.present import present

Shown = Literal["object", "picture"]

# What shows once more what was shown last.
_again: dict[Shown, Callable[[], object]] = {}
# Of the preview object, from before a step is read until it was.
_stance: Stance | None = None


def show_object(mesh: Mesh, prompt: str, place: Place) -> None:
    """Show a live mesh at its place."""
    placement.show_preview(mesh, prompt, place)
    _again["object"] = partial(placement.show_preview, mesh, prompt, place, is_new=False)


def show_picture(pixels: Pixels, target: Target) -> None:
    """Show a live picture on its target."""
    images.show_preview(pixels, target)
    _again["picture"] = partial(images.show_preview, pixels, target)


def clear() -> None:
    """Take every preview away."""
    clear_object()
    clear_picture()


def clear_object() -> None:
    forget("object")
    placement.remove_preview(present(bpy.context.scene))


def clear_picture() -> None:
    forget("picture")
    images.remove_preview()


def uncover() -> None:
    """Let no surface wear a preview, which is not saved; the next live picture puts it on again."""
    forget("picture")
    forming.take_off()


def forget(*shown: Shown) -> None:
    """These are not to be seen any more: they were finished, or their file is not open."""
    for each in shown:
        _again.pop(each, None)


def before_undo() -> None:
    """A step is about to be read."""
    global _stance
    _stance = _take_away()


def after_undo() -> None:
    """A step was read; it may be one from while something formed, and have brought back how that was then."""
    # Where the user had put it at that step, which may be what was undone.
    stances = [each for each in (_take_away(), _stance) if each is not None]
    for show in _again.values():
        show()
    if stances:
        placement.set_preview_back(stances[0].matrix, any(each.is_active for each in stances))


def _take_away() -> Stance | None:
    images.remove_preview()
    return placement.take_preview_away()
