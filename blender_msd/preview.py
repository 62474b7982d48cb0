"""What forms, as the scene shows it until it is finished; no undo step is pushed for it.

Blender leaves a datablock as it is that is the same in the step it comes from and in the one it goes to. One of the
user's that has pointed at a preview since would then point at freed memory, and Blender would crash. So every preview
goes before a step is read, and comes back behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import bpy

from .core.arrays import Mesh, Pixels
from .scene import forming, images, placement
from .scene.images import Target
from .scene.placement import Place, Stance
from .scene.present import present

# Shows once more what was shown last; None while nothing is to be seen.
_again: Callable[[], object] | None = None
# Of the preview object, from before a step is read until it was.
_stance: Stance | None = None


def show(live: Mesh | Pixels, prompt: str, where: Place | Target) -> None:
    """Show a live mesh at its place, or a live picture on its target."""
    global _again
    if isinstance(live, Mesh):
        assert isinstance(where, Place)
        placement.show_preview(live, prompt, where)
        _again = partial(placement.show_preview, live, prompt, where, is_new=False)
    else:
        assert isinstance(where, Target)
        images.show_preview(live, where)
        _again = partial(images.show_preview, live, where)


def clear() -> None:
    """Take every preview away."""
    clear_object()
    clear_picture()


def clear_object() -> None:
    forget()
    placement.remove_preview(present(bpy.context.scene))


def clear_picture() -> None:
    forget()
    images.remove_preview()


def uncover() -> None:
    """Let no surface wear a preview, which is not saved; the next live picture puts it on again."""
    forming.take_off()


def forget() -> None:
    """Nothing is to be seen any more: it was finished, or its file is not open."""
    global _again, _stance
    _again = _stance = None


def before_undo() -> None:
    """A step is about to be read."""
    global _stance
    _stance = placement.take_preview_away()
    images.remove_preview()


def after_undo() -> None:
    """A step was read; it may be one from while something formed, and have brought back how that was then."""
    global _stance
    # Where the user had put it at that step, which may be what was undone.
    found, before = placement.take_preview_away(), _stance
    _stance = None
    images.remove_preview()
    if _again is None:
        return
    _again()
    there = [each for each in (found, before) if each is not None]
    if there:
        placement.set_preview_back(there[0].matrix, any(each.is_active for each in there))
