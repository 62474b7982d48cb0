"""Buttons that are known by values, and errors with the button that helps."""

from __future__ import annotations

from typing import Any

import bpy

from .. import bridge
from ..core.errors import Problem, explain
from ..core.job_view import JobView
from ..core.remedies import REPORT, Button
from .writing import BOX, draw_text

# Of an error, without its buttons: a headline, and what happened.
LINES_OF_ERROR = 3


def draw_button(layout: bpy.types.UILayout, button: Button, job: JobView | None = None) -> None:
    """A button; one that is about jobs gets the one that it is about."""
    icon: Any = button.icon
    drawn: Any = layout.operator(button.operator, text=button.label, icon=icon)
    if button.what:
        drawn.what = button.what
    if job is not None:
        drawn.job_id = job.handle


def draw_problem(layout: bpy.types.UILayout, problem: Problem, of_set_up: bool = False) -> None:
    """Three lines at most, then two buttons: what helps, and the whole text."""
    explanation = explain(problem)
    box = layout.box()
    box.alert = True
    lines = draw_text(box, explanation.headline, "ERROR", LINES_OF_ERROR, BOX)
    box.alert = False
    if lines < LINES_OF_ERROR:
        draw_text(box, problem.message, most=LINES_OF_ERROR - lines, indent=BOX)
    row = box.row(align=True)
    job = bridge.current().job
    row.enabled = job is None or job.settled
    draw_button(row, explanation.button or REPORT)
    details: Any = row.operator("msd.details", text="Details")
    details.of_set_up = of_set_up
