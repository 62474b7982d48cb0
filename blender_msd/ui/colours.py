"""Whether a viewport shows a result in its colours, and the button for when it does not."""

from __future__ import annotations

import bpy

from ..core.job_view import JobView
from ..scene import view
from ..scene.present import present
from .writing import draw_text


def colours_of(job: JobView) -> str:
    """Where a job's result has its colours, as `view.is_grey` wants it."""
    if job.kind == "texture":
        return "picture"
    is_baked = job.state == "done" and any(name == "albedo.png" for name in job.report.get("artifacts", ()))
    return "both" if is_baked else "vertices"


def wants_colours(context: bpy.types.Context, job: JobView | None) -> bool:
    """Whether a job's result is to be seen, and this viewport shows it grey."""
    if job is None or not (job.live_meshes or job.live_images or job.result):
        return False
    return view.is_grey(context.space_data, present(bpy.context.scene), colours_of(job))


def draw_show_colours(layout: bpy.types.UILayout, context: bpy.types.Context, job: JobView) -> None:
    """Nothing, while there is nothing to see."""
    if wants_colours(context, job):
        draw_text(layout, "This viewport shows no colours", "INFO")
        layout.operator("msd.show_colours", icon="SHADING_SOLID")
