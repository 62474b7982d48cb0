"""What happens to jobs while Blender renders, if the preferences want it so."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import bridge
from .preferences import own


@persistent
def _begins(*_: Any) -> None:
    if own().pause_while_rendering:
        bridge.current().render_begins()


@persistent
def _ends(*_: Any) -> None:
    # Whatever the preference says by now.
    bridge.current().render_ends()


def _handlers() -> list[tuple[list[Any], Any]]:
    of = bpy.app.handlers
    return [(of.render_init, _begins), (of.render_complete, _ends), (of.render_cancel, _ends)]


def register() -> None:
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister() -> None:
    for handlers, handler in _handlers():
        handlers.remove(handler)
