"""The artist of a long day: disables and enables the extension, knows the processes around, and looks for buttons where
they were seen before."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import bpy
import processes
from artist import TABS, Artist

ROW = 14  # pixels between two looks; a button is some 20 high

Seen = Generator[float, None, tuple[int, int] | None]


class Survivor(Artist):
    """Args:
    places: file with where buttons were seen, by this artist or another; otherwise as `Artist`.
    """

    def __init__(self, places: Path, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._file = places
        self._places: dict[str, list[list[int]]] = json.loads(places.read_text("utf-8")) if places.exists() else {}

    @property
    def user(self) -> Path:
        return Path(os.environ[processes.MARK])

    def enable(self) -> None:
        bpy.ops.preferences.addon_enable(module=self._extension)
        self.preferences.server_python = os.environ["SERVER_PYTHON"]

    def disable(self) -> None:
        bpy.ops.preferences.addon_disable(module=self._extension)

    def server_pids(self) -> list[int]:
        return processes.servers_of(self.user)

    def workers_of(self, server: int) -> list[int]:
        return processes.workers_of(server)

    def look_for(self, what: str, across: float) -> Seen:
        """As `find`; None when it is not to be seen. Looks first where it was seen before."""
        for x, y in reversed(self._places.get(what, [])):
            if what in (yield from self.name_at(x, y)):
                return x, y
        sidebar = self.region("UI")
        x = sidebar.x + round(across * (sidebar.width - TABS))
        top = self.top_of(sidebar)
        for y in range(top + ROW, top + sidebar.height, ROW):
            found = yield from self.name_at(x, y)
            if found:
                self._note(found, [x, y])
            if what in found:
                return x, y
        return None

    def _note(self, command: str, place: list[int]) -> None:
        """Where an operator is, as Python would call it: bpy.ops.msd.pause(job_id="...")."""
        places = self._places.setdefault(command.partition("(")[0].removeprefix("bpy.ops."), [])
        if place not in places:
            places.append(place)
            self._file.write_text(json.dumps(self._places), "utf-8")
