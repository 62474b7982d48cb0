"""The enabled add-on's one link to the server, and what Blender calls it for: its timer, and the opening of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import EXTENSION, VERSION
from .core.errors import mistake
from .installer import Installer
from .link import Link

TICK = 0.05

# None while the add-on is disabled.
_link: Link | None = None
_installer: Installer | None = None


def current() -> Link:
    assert _link is not None, "the add-on is not enabled"
    return _link


def installer() -> Installer:
    assert _installer is not None, "the add-on is not enabled"
    return _installer


def user_dir() -> Path:
    """The extension's own folder; created with the first file in it."""
    return Path(bpy.utils.extension_path_user(EXTENSION, path="", create=False))


def register() -> None:
    global _link, _installer
    # Created with the first file in it: a disk that is full or read-only must not keep the add-on from being enabled.
    home = Path(__file__).parent.parent
    _link = Link(home, user_dir(), _wake_timer)
    _installer = Installer(home, VERSION, _wake_timer)
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    global _link, _installer
    bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _link is not None:
        _link.shut_down()
        _link = None
    if _installer is not None:
        _installer.shut_down()
        _installer = None


@persistent
def _before_load(*_: Any) -> None:
    # The scene that the result was made for is about to vanish.
    if _link is not None:
        _link.cancel("Stopped, because another file was opened.")


def _wake_timer() -> None:
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=TICK, persistent=True)


def _tick() -> float | None:
    if _link is None or _installer is None:
        return None
    try:
        _link.pump()
        _installer.pump()
    except Exception as error:  # an exception would unregister the timer without a word
        _link.give_up(mistake(error))
    return TICK if _link.busy or _installer.busy else None
