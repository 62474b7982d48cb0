"""What a person can do at the screen: look, move the pointer, click, type.

Buttons are found as a person finds them, with the pointer: Blender itself says what lies under it. So no scenario
knows where a button is, and none breaks because it moved. Everything that takes time is a generator of waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NoReturn

import bpy
from stopwatch import Stopwatch

Steps = Generator[float, None, None]
Found = Generator[float, None, tuple[int, int]]

HEADER = 20  # height of a panel's header, in pixels
ROW = 9  # pixels between two looks; a button is some 20 high
SETTLE = 0.01  # between two looks whether Blender has noticed the pointer
NOTICED = 5.0  # seconds in which a busy machine does
FAILED = 9  # Blender's exit code
TABS = 24  # width of the column with the sidebar's tabs
DRAWN = 10.0  # seconds in which a busy machine draws a sidebar
TRIES = 5  # at its tabs, two seconds apart
EDGE = 9  # from the sidebar's left to where it can be dragged
WHEEL_UP, WHEEL_DOWN = 4, 5  # as buttons of the mouse
A_PAGE, PAGES, ALL_THE_WAY = 8, 3, 60  # turns of the wheel; how often a sidebar is scrolled on


class ARTIST_OT_pointer(bpy.types.Operator):
    """Notes where the pointer is, as the events say that Blender has got."""

    bl_idname = "artist.pointer"
    bl_label = "Where is the pointer?"
    x = y = -1

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        seen = ARTIST_OT_pointer
        seen.x, seen.y = event.mouse_x, event.mouse_y
        return {"FINISHED"}


class Artist:
    """Args:
    out: folder for the pictures.
    scenario: name that the pictures begin with.
    """

    def __init__(self, extension: str, out: Path, scenario: str, stopwatch: Stopwatch) -> None:
        self.editor = "VIEW_3D"
        self._extension = extension
        self.out = out
        self._scenario = scenario
        self.stopwatch = stopwatch
        self.hands = subprocess.Popen(["xdotool", "-"], stdin=subprocess.PIPE)
        self._known: dict[str, tuple[int, int]] = {}
        bpy.utils.register_class(ARTIST_OT_pointer)

    # What the scenarios look at.

    def inside(self, name: str) -> Any:
        """A module of the add-on."""
        return sys.modules[f"{self._extension}.blender_msd.{name}"]

    @property
    def link(self) -> Any:
        return self.inside("bridge").current()

    @property
    def job(self) -> Any:
        return self.link.job

    @property
    def preferences(self) -> Any:
        return bpy.context.preferences.addons[self._extension].preferences

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[0]

    @property
    def area(self) -> bpy.types.Area:
        """The largest area with the present editor."""
        areas = [area for area in self.window.screen.areas if area.type == self.editor]
        return max(areas, key=lambda area: area.width * area.height)

    def region(self, kind: str) -> bpy.types.Region:
        return next(region for region in self.area.regions if region.type == kind)

    # Hands.

    def point(self, x: int, y: int) -> Steps:
        """Move the pointer to a place of the screen, in pixels from its upper left, until Blender has noticed it."""
        self._say(f"mousemove {x} {y}")
        seen, ends = ARTIST_OT_pointer, time.monotonic() + NOTICED
        while (abs(seen.x - x) > 1 or abs(seen.y - self._down(y)) > 1) and time.monotonic() < ends:
            yield SETTLE
            bpy.ops.artist.pointer("INVOKE_DEFAULT")
        # It knows of an event before its buttons do.
        yield SETTLE

    def press(self, keys: str) -> Steps:
        """For example "n" or "ctrl+z"."""
        self._say(f"key {keys}")
        yield 0.4

    def press_button(self) -> None:
        """Of the mouse, where the pointer is; waits for nothing."""
        self._say("click 1")

    def click(self, what: str, across: float = 0.5) -> Steps:
        """Click a button or a setting, wherever it is; see `find`."""
        yield from self.click_at(*(yield from self.find(what, across)))

    def type(self, what: str, text: str) -> Steps:
        """Click a text field, type into it, and press Return."""
        yield from self.click(what)
        yield 0.3
        self._say("key ctrl+a")
        for character in text:
            self._say(f"key {'space' if character == ' ' else character}")
            yield 0.02
        yield 0.3
        yield from self.press("Return")

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> Steps:
        yield from self.point(*start)
        yield 0.2
        self._say("mousedown 1")
        yield 0.1
        for share in (0.25, 0.5, 0.75, 1.0, 1.0):
            x, y = (round(a + share * (b - a)) for a, b in zip(start, end, strict=True))
            yield from self.point(x, y)
        self._say("mouseup 1")
        yield 0.4

    def rest(self) -> Steps:
        """Take the pointer off the sidebar, into the middle of the editor."""
        main = self.region("WINDOW")
        yield from self.point(main.x + main.width // 3, self._down(main.y + main.height // 3))
        yield 0.2

    # Eyes.

    def give_up(self) -> NoReturn:
        """End Blender with what went wrong, of the exception that is being handled, and with a picture of it."""
        traceback.print_exc()
        self.photograph("failed").wait()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(FAILED)

    def photograph(self, name: str) -> subprocess.Popen[bytes]:
        picture = self.out / f"{self._scenario}-{name}.png"
        return subprocess.Popen(["import", "-window", "root", "-depth", "8", picture])

    def look(self, name: str) -> Steps:
        """Keep a picture of the screen."""
        yield from self.rest()
        camera = self.photograph(name)
        while camera.poll() is None:
            yield 0.02
        assert camera.returncode == 0, f"no picture of {name}"

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = 60.0, every: float = 0.1) -> Steps:
        ends = time.monotonic() + seconds
        while not condition():
            link = self.link
            assert time.monotonic() < ends, f"waited in vain for {what}; job {link.job}, problem {link.problem}"
            yield every

    def find(self, what: str, across: float = 0.5) -> Found:
        """Where an operator ("msd.generate_mesh") or a setting ("mesh.prompt") is in the sidebar, on the screen.

        What lies beyond its edge is scrolled to, as with the wheel.

        Args:
            across: where in the sidebar's width it is looked for, from 0 at the left to 1 at the right.
        """
        known = self._known.get(f"{self.editor} {what} {across}")
        if known is not None and what in (yield from self.name_at(*known)):
            return known
        for turns in (0, -ALL_THE_WAY, *[A_PAGE] * PAGES):
            yield from self._scroll(turns)
            if (place := (yield from self._look_through(what, across))) is not None:
                self._known[f"{self.editor} {what} {across}"] = place
                return place
        raise AssertionError(f"{what} is not in the sidebar of {self.editor}")

    def _look_through(self, what: str, across: float) -> Generator[float, None, tuple[int, int] | None]:
        """As `find`, of what is to be seen now."""
        sidebar = self.region("UI")
        x = sidebar.x + round(across * (sidebar.width - TABS))
        top = self.top_of(sidebar)
        for y in range(top + ROW, top + sidebar.height, ROW):
            if what in (yield from self.name_at(x, y)):
                # Its middle, not its edge.
                return (x, y + 4) if what in (yield from self.name_at(x, y + 4)) else (x, y)
        return None

    def _scroll(self, turns: int) -> Steps:
        """Turn the wheel over the sidebar, down or, below 0, up."""
        if turns:
            sidebar = self.region("UI")
            yield from self.point(sidebar.x + EDGE, self.top_of(sidebar) + sidebar.height // 2)
            self._say(f"click --repeat {abs(turns)} --delay 10 {WHEEL_DOWN if turns > 0 else WHEEL_UP}")
            yield 0.5

    def open_sidebar(self) -> Steps:
        """Press N and choose our tab."""
        if not self.area.spaces.active.show_region_ui:
            yield from self.rest()
            yield from self.press("n")
            yield 0.5
        sidebar = self.region("UI")
        if sidebar.active_panel_category == "MSD":
            return
        # Another window may lie over it for a while.
        for _ in range(TRIES):
            top = self.top_of(sidebar)
            for y in range(top + 20, top + sidebar.height, 30):
                yield from self.click_at(sidebar.x + sidebar.width - TABS // 2, y)
                if sidebar.active_panel_category == "MSD":
                    yield 0.3
                    return
            yield 2.0
        raise AssertionError("there is no tab called MSD")

    def open_panel(self, name: str) -> Steps:
        """Open a closed panel by its header, which is looked for below the last thing that can be clicked."""
        sidebar = self.region("UI")
        x = sidebar.x + (sidebar.width - TABS) // 2
        top, bottom = self.top_of(sidebar), self.top_of(sidebar) + sidebar.height
        last = bottom - ROW
        while last > top and not (yield from self.name_at(x, last)):
            last -= ROW
        for y in range(last + HEADER, bottom, HEADER // 2):
            before = yield from self._open_panels()
            yield from self.click_at(x, y)
            after = yield from self._open_panels()
            if name in after - before:
                return
            if before != after:
                yield from self.click_at(x, y)  # another panel's header
        raise AssertionError(f"no header opened {name}")

    def widen_sidebar(self, width: int) -> Steps:
        """Drag the sidebar's left edge until it is `width` pixels wide."""
        for _ in range(4):
            sidebar = self.region("UI")
            if abs(sidebar.width - width) <= 1:
                self._known.clear()
                return
            # It has an edge beside its panels only, and a little within.
            start = (sidebar.x + EDGE, self.top_of(sidebar) + 30)
            yield from self.drag(start, (start[0] + sidebar.width - width, start[1]))
        raise AssertionError(f"the sidebar is {sidebar.width} pixels wide, not {width}")

    def top_of(self, region: bpy.types.Region) -> int:
        """Where a region begins, in pixels from the top of the screen."""
        return self._down(region.y + region.height)

    # How it is done.

    def _say(self, command: str) -> None:
        assert self.hands.stdin is not None
        self.hands.stdin.write(f"{command}\n".encode())
        self.hands.stdin.flush()

    def _down(self, y: int) -> int:
        """Blender counts from the bottom, the screen from the top."""
        return int(self.window.height - y)

    def click_at(self, x: int, y: int) -> Steps:
        """Click a place of the screen."""
        yield from self.point(x, y)
        yield 0.1
        self.press_button()
        yield 0.25

    def name_at(self, x: int, y: int) -> Generator[float, None, str]:
        """What Blender calls that which is under this place of the screen: an operator or a setting, or nothing."""
        yield from self.point(x, y)
        context = {"window": self.window, "area": self.area, "region": self.region("UI")}
        manager = bpy.context.window_manager
        with bpy.context.temp_override(**context):
            for ask in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
                if ask.poll():
                    manager.clipboard = ""
                    ask()
                    return str(manager.clipboard)
        return ""

    def _open_panels(self) -> Generator[float, None, set[str]]:
        """Those that are drawn when the sidebar is."""
        yield 0.2
        before = {name: len(times) for name, times in self.stopwatch.drawings.items()}
        self.region("UI").tag_redraw()
        ends = time.monotonic() + DRAWN
        while True:
            yield 0.1
            drawn = {name for name, times in self.stopwatch.drawings.items() if len(times) > before.get(name, 0)}
            if drawn or time.monotonic() > ends:
                return drawn
