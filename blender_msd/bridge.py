"""The enabled add-on's one link to the server, and what Blender calls it for: its timer, files, and undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import EXTENSION, VERSION, preview
from .core.errors import mistake
from .installer import Installer
from .link import Link
from .reshaper import Reshaper

TICK = 0.05

# None while the add-on is disabled.
_link: Link | None = None
_installer: Installer | None = None
_reshaper: Reshaper | None = None


def current() -> Link:
    assert _link is not None, "the add-on is not enabled"
    return _link


def installer() -> Installer:
    assert _installer is not None, "the add-on is not enabled"
    return _installer


def reshaper() -> Reshaper:
    assert _reshaper is not None, "the add-on is not enabled"
    return _reshaper


def user_dir() -> Path:
    """The extension's own folder; created with the first file in it."""
    return Path(bpy.utils.extension_path_user(EXTENSION, path="", create=False))


def register() -> None:
    global _link, _installer, _reshaper
    # Created with the first file in it: a disk that is full or read-only must not keep the add-on from being enabled.
    home = Path(__file__).parent.parent
    _link = Link(home, user_dir(), _wake_timer)
    _installer = Installer(home, VERSION, _wake_timer)
    _reshaper = Reshaper(home, _wake_timer)
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister(leave_jobs: bool) -> None:
    """End the link and pause the set-up.

    Args:
        leave_jobs: whether a running job goes on in its server.
    """
    global _link, _installer, _reshaper
    for handlers, handler in _handlers():
        handlers.remove(handler)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _link is not None:
        _link.shut_down(leave_jobs)
        _link = None
    preview.forget("object", "picture")
    if _installer is not None:
        _installer.shut_down()
        _installer = None
    if _reshaper is not None:
        _reshaper.cancel()
        _reshaper = None


def _handlers() -> list[tuple[list[Any], Any]]:
    of = bpy.app.handlers
    return [
        (of.load_pre, _before_load),
        (of.save_pre, _before_save),
        (of.undo_pre, _before_undo),
        (of.redo_pre, _before_undo),
        (of.undo_post, _after_undo),
        (of.redo_post, _after_undo),
    ]


@persistent
def _before_load(*_: Any) -> None:
    # The scene that the result was made for is about to vanish.
    preview.forget("object", "picture")
    if _link is not None:
        _link.lose_scene()


@persistent
def _before_save(*_: Any) -> None:
    preview.uncover()


@persistent
def _before_undo(*_: Any) -> None:
    preview.before_undo()


@persistent
def _after_undo(*_: Any) -> None:
    preview.after_undo()


def _wake_timer() -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)


def _tick() -> float | None:
    if _link is None or _installer is None or _reshaper is None:
        return None
    try:
        _link.pump()
        _installer.pump()
        _reshaper.pump()
    except Exception as error:  # an exception would unregister the timer without a word
        _link.give_up(mistake(error))
    return TICK if _link.busy or _installer.busy or _reshaper.busy else None
