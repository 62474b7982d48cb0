"""The strip above all panels: the one state of server, set-up and job, its bar and its button."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.names import printable
from ..core.state import OF_THE_SERVER, State, state_of
from .buttons import draw_button
from .colours import wants_colours
from .drawn import TabPanel
from .preferences import set_up
from .writing import ICON, shortened, sidebar, wrapped

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import IconItems

ICONS: dict[str, IconItems] = {
    "not set up": "RADIOBUT_OFF",
    "set-up part-done": "IMPORT",
    "update needed": "FILE_REFRESH",
    "off": "RADIOBUT_OFF",
    "starting": "SORTTIME",
    "ready": "RADIOBUT_ON",
    "busy": "RENDER_ANIMATION",
    "connection lost": "UNLINKED",
    "incompatible": "ERROR",
    "failed": "ERROR",
}
# Pixels, at a scale of 1: what opens and what drags a panel, and what a label has around it.
ARROWS, PADDING = 16, 8
# Of the line below the header; the button has the other part of it, and beside Details a larger one.
SHARE, DETAILS = 0.55, 0.4


def current_state() -> State:
    """What every panel goes by."""
    link = bridge.current()
    problem = link.problem
    if problem is not None and link.problem_of and problem.code not in OF_THE_SERVER:
        problem = None  # which stands below the button that it came from
    return state_of(set_up(), link.server, link.offer, link.job, problem, time.monotonic(), link.waiting)


class StripPanel(TabPanel):
    """Drawn first. Its header says the state, so that it is read even where the panel is closed.

    A panel without a header would put its tab before Blender's own.
    """

    bl_label = ""
    bl_order = 0

    def draw_header(self, context: bpy.types.Context) -> None:
        state = current_state()
        self.layout.label(text=_header(state)[0], icon=ICONS[state.name])

    def draw(self, context: bpy.types.Context) -> None:
        """One line in every state, so that nothing below moves."""
        state = current_state()
        row = self.layout.split(factor=SHARE if state.problem is None else DETAILS, align=True)
        if state.problem is not None:
            row.operator("msd.details", text="Details")
        else:
            _draw_how_far(row.row(align=True), state, wants_colours(context, bridge.current().job))
        draw_button(row, state.button)


def _draw_how_far(row: bpy.types.UILayout, state: State, is_grey: bool) -> None:
    """The rest of the text or the bar; and Show Colours, whose other button may be scrolled out of a low window."""
    rest = shortened(_header(state)[1], SHARE * sidebar() - PADDING - (ICON if is_grey else 0))
    if state.fraction is None:
        row.label(text=rest)
    else:
        row.progress(factor=state.fraction, type="BAR", text=rest or f"{state.fraction:.0%}")
    if is_grey:
        row.operator("msd.show_colours", text="", icon="SHADING_SOLID")


def _header(state: State) -> tuple[str, str]:
    """What of the state's text the header has room for, and the rest."""
    first, *others = wrapped(printable(state.text), sidebar() - ICON - ARROWS)
    return first, " ".join(others)
