"""The strip above all panels: the one state of server, set-up and job, its bar and its button."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bpy

from .. import bridge
from ..core.names import printable
from ..core.state import OF_THE_SERVER, State, state_of
from .buttons import draw_button
from .drawn import TabPanel
from .preferences import set_up
from .writing import ICON, shortened, sidebar, width, wrapped

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
# Beside the button's label.
BUTTON = 20


def current_state() -> State:
    """What every panel goes by."""
    link = bridge.current()
    problem = link.problem
    if problem is not None and link.problem_of and problem.code not in OF_THE_SERVER:
        problem = None  # which stands below the button that it came from
    return state_of(set_up(), link.server, link.offer, link.job, problem, time.monotonic())


class StripPanel(TabPanel):
    """Drawn first, and whether other panels are open or not."""

    bl_label = "Status"
    bl_options = {"HIDE_HEADER"}
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        """Two lines in every state, so that nothing below moves."""
        state = current_state()
        first, *others = wrapped(printable(state.text), sidebar() - ICON)
        column = self.layout.column(align=True)
        column.label(text=first, icon=ICONS[state.name])
        row = column.row(align=True)
        if state.problem is not None:
            row.operator("msd.details", text="Details")
        elif state.fraction is None:
            rest = shortened(" ".join(others), sidebar() - width(state.button.label) - BUTTON)
            row.label(text=rest)
        else:
            row.progress(factor=state.fraction, type="BAR", text=f"{state.fraction:.0%}")
        draw_button(row, state.button)
