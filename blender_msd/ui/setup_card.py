"""The card that sets the generator up; it is there until that is done, and while an update is needed."""

from __future__ import annotations

import bpy

from .. import bridge
from ..core.names import printable
from ..core.setup.machine import in_words
from ..core.setup.state import FAILED, PART_DONE, READY, STAGES, UPDATE_NEEDED, SetupState
from ..installer import Installer
from .buttons import draw_problem
from .drawn import TabPanel
from .writing import draw_text, shortened, sidebar


class SetupPanel(TabPanel):
    """Below the strip, until the server is set up; not there for who brought a Python or a server of their own."""

    bl_label = "Set-up"

    def draw(self, context: bpy.types.Context) -> None:
        installer = bridge.installer()
        if installer.state.running:
            _draw_running(self.layout, installer.state)
        else:
            _draw_offer(self.layout, installer)


def needs_card(has_own_server: bool) -> bool:
    state = bridge.installer().state
    return state.running or (state.kind != READY and not has_own_server)


def draw_maintenance(layout: bpy.types.UILayout) -> None:
    """For the preferences: what is installed, and the buttons that keep it."""
    installer = bridge.installer()
    state = installer.state
    if state.running:
        _draw_running(layout, state)
    elif state.kind == READY:
        layout.label(text=f"Set up, {installer.choice.lock.name if installer.choice else state.have}", icon="CHECKMARK")
        row = layout.row(align=True)
        row.operator("msd.set_up_verify", icon="VIEWZOOM")
        row.operator("msd.set_up_repair", icon="TOOL_SETTINGS")
        row.operator("msd.set_up_remove", icon="TRASH")
    if installer.checking:
        draw_text(layout, f"{installer.checking} ...", "SORTTIME")
    if installer.note:
        draw_text(layout, installer.note, "INFO")
    if not state.running and state.kind != READY:
        _draw_offer(layout, installer)
    elif installer.problem is not None:
        draw_problem(layout, installer.problem, of_set_up=True)


def _draw_running(box: bpy.types.UILayout, state: SetupState) -> None:
    progress = state.progress
    if progress is None:
        box.label(text="Starting set-up", icon="SORTTIME")
        return
    box.label(text=f"Set-up: {progress.stage} of {len(STAGES)}, {STAGES[progress.stage - 1]}", icon="IMPORT")
    box.progress(factor=state.fraction, type="BAR", text=f"{state.fraction:.0%}")
    # Above all that comes and goes, so that they keep their places.
    row = box.row(align=True)
    row.operator("msd.set_up_pause", icon="PAUSE")
    row.operator("msd.set_up_cancel", icon="CANCEL")
    if progress.total:
        box.label(text=f"{in_words(progress.done)} of {in_words(progress.total)}{_pace(progress.speed)}")
    if progress.seconds_left is not None:
        minutes, seconds = divmod(int(progress.seconds_left), 60)
        box.label(text=f"about {minutes}:{seconds:02d} left", icon="TIME")
    box.label(text=shortened(printable(progress.line), sidebar()))


def _pace(speed: float) -> str:
    return f", {in_words(int(speed))}/s" if speed else ""


def _draw_offer(box: bpy.types.UILayout, installer: Installer) -> None:
    state = installer.state
    label = "Set up"
    if state.kind == UPDATE_NEEDED:
        box.label(text=state.text, icon="FILE_REFRESH")
        draw_text(box, "The one that is there goes on working until the new one has passed its test.")
        label = "Continue" if state.progress else "Update"
    elif state.kind in (PART_DONE, FAILED):
        box.label(text=f"Set-up {state.fraction:.0%} done", icon="PAUSE")
        label = "Continue"
    else:
        box.label(text="Set up the generator (once)", icon="IMPORT")
    if installer.trouble is not None:
        draw_problem(box, installer.trouble, of_set_up=True)
    _draw_what_it_needs(box, installer)
    row = box.row()
    row.scale_y = 1.6
    row.operator("msd.set_up", text=label, icon="PLAY")
    if state.progress is not None:
        box.operator("msd.set_up_cancel", text="Cancel and Remove", icon="TRASH")
    else:
        box.operator("msd.open_preferences", text="Use What I Already Have", icon="PREFERENCES")


def _draw_what_it_needs(box: bpy.types.UILayout, installer: Installer) -> None:
    if installer.machine is None:
        draw_text(
            box, f"{installer.checking} ..." if installer.checking else "Press Look to see what it needs.", "INFO"
        )
        box.operator("msd.set_up_look", icon="VIEWZOOM")
        return
    best = installer.machine.accelerators[0]
    draw_text(box, f"Found: {best.name}{f', {in_words(best.memory)}' if best.memory else ''}", "MEMORY")
    if installer.choice is None:
        return
    lock = installer.choice.lock
    if installer.choice.note:
        draw_text(box, installer.choice.note, "INFO")
    draw_text(box, f"Engine: {lock.name}", "PACKAGE")
    needs = f"Needs: {in_words(lock.download)} download, {in_words(lock.space)} on the disk."
    draw_text(box, f"{needs} Free: {in_words(installer.free)}", "DISK_DRIVE")
    if installer.python is not None:
        draw_text(box, str(installer.python), "CONSOLE")
    box.operator("msd.read_licences", icon="TEXT")
