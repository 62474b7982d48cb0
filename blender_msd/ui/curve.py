"""The bandwidth over a run as a small picture, with where the run is now."""

from __future__ import annotations

from typing import Any

import bpy
import bpy.utils.previews

from .. import bridge
from ..core.bandwidths import Leg, bandwidth_at, legs_of, plot
from ..core.job_view import JobView
from ..core.kinds import shown_as
from .models import chosen_model
from .settings import Settings

SIDE = 96
# As many units high as a row of the panel.
SCALE = 5.0
# A run is drawn at so many places of it: a picture takes some milliseconds.
PLACES = 50

# By kind of jobs; None while the add-on is disabled.
_icons: Any = None
_shown: dict[str, tuple[tuple[Leg, ...], int | None]] = {}


def register() -> None:
    global _icons
    _icons = bpy.utils.previews.new()


def unregister() -> None:
    global _icons
    bpy.utils.previews.remove(_icons)
    _icons = None
    _shown.clear()


def draw_curve(layout: bpy.types.UILayout, settings: Settings, kind: str) -> None:
    """The curve and its numbers; nothing while the model is not known."""
    model = chosen_model(settings)
    own = () if model is None else model.bandwidths.get(shown_as(kind), ())
    start, end = settings.bandwidth_start, settings.bandwidth_end
    if not own or min(start, end) < 0 or (end and start and end > start):
        return
    legs = legs_of(own, start, end)
    job = bridge.current().job
    runs = job is not None and job.busy and job.kind == kind and job.steps > 0
    share = job.step / job.steps if runs and job is not None else None
    row = layout.row()
    row.template_icon(_icon(kind, legs, share), scale=SCALE)
    column = row.column(align=True)
    column.scale_y = 0.8
    for line in lines(legs, share, job if runs else None):
        column.label(text=line)


def lines(legs: tuple[Leg, ...], share: float | None, job: JobView | None) -> list[str]:
    """What is written beside the curve."""
    path = " to ".join(f"{leg.start:.3g}" for leg in legs)
    said = [f"Bandwidth {path} to {legs[-1].end:.3g}", legs[0].schedule.capitalize()]
    if share is not None:
        said.append(f"Now {bandwidth_at(legs, share):.3g}")
    if job is not None and job.q is not None:
        said.append(f"q {job.q:.3f}, 0 at a mode")
    return said


def _icon(kind: str, legs: tuple[Leg, ...], share: float | None) -> int:
    """Of a kind's curve, drawn anew where it has changed."""
    at = None if share is None else round(share * PLACES)
    if kind not in _icons:
        _icons.new(kind)
    preview = _icons[kind]
    if _shown.get(kind) != (legs, at):
        preview.image_size = (SIDE, SIDE)
        preview.image_pixels_float.foreach_set(plot(legs, None if at is None else at / PLACES, SIDE, SIDE).ravel())
        _shown[kind] = (legs, at)
    return int(preview.icon_id)
