"""The big button; in its place the progress of the job that it began, and below it how that ended."""

from __future__ import annotations

import bpy

from .. import bridge
from ..core.job_view import JobView
from .models import why_off
from .settings import Settings
from .writing import draw_text


def draw_go(layout: bpy.types.UILayout, settings: Settings, operator: str, kind: str) -> None:
    """The big button; while its job runs, the progress in its place."""
    job = bridge.current().job
    if job is not None and job.busy and job.kind == kind:
        _draw_progress(layout, job)
        return
    row = layout.row()
    row.scale_y = 1.6
    reason = why_off(settings, kind)
    row.enabled = not reason
    row.operator(operator, icon="PLAY")
    if reason:
        draw_text(layout, reason, "INFO")
    if job is not None and not job.busy and job.kind == kind:
        _draw_end(layout, job)


def _draw_progress(layout: bpy.types.UILayout, job: JobView) -> None:
    steps = f" {job.step} of {job.steps}" if job.steps else ""
    layout.progress(factor=job.fraction, type="BAR", text=f"{job.phase}{steps}")
    left = "" if job.seconds_left is None else f", about {_clock(job.seconds_left)} left"
    layout.label(text=f"{_clock(job.seconds)} elapsed{left}", icon="TIME")
    row = layout.row(align=True)
    row.operator("msd.finish", icon="CHECKMARK")
    row.operator("msd.cancel", icon="CANCEL")
    _draw_notes(layout, job)


def _draw_end(layout: bpy.types.UILayout, job: JobView) -> None:
    if job.state == "done":
        what = (
            f"{job.report['faces']:,} faces"
            if job.kind == "mesh"
            else f"{job.report['width']} x {job.report['height']}"
        )
        if job.report.get("warning"):
            # The notes say which.
            layout.label(text=f"Ended with a warning, {_clock(job.seconds)}, {what}", icon="ERROR")
        else:
            layout.label(text=f"Done in {_clock(job.seconds)}, {what}", icon="CHECKMARK")
        layout.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = job.folder
    elif job.state == "cancelled":
        layout.label(text="Cancelled", icon="CANCEL")
    _draw_notes(layout, job)


def _draw_notes(layout: bpy.types.UILayout, job: JobView) -> None:
    # The first one says what was left out of the prompt.
    for note in dict.fromkeys([*job.notes[:1], *job.notes[-2:]]):
        draw_text(layout, note, "INFO")


def _clock(seconds: float) -> str:
    """Minutes and seconds, as "2:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
