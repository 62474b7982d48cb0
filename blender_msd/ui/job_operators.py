"""Operators about jobs that are there. Each takes a job's id, and means the watched job without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.errors import Problem
from ..core.job_requests import Order
from ..core.job_view import OVER, JobView, clock
from ..scene.present import present
from . import aims, texts
from .beginnings import choose_look
from .choices import JobChoice
from .operators import outcome, refuse
from .preferences import setup
from .settings import settings_for
from .values import Values, drawn_seed

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

UNDER_WAY: tuple[str, ...] = ("starting", "queued", "running", "paused", "finishing", "lost")
# Seconds of work that are thrown away only after a question.
DEAR = 60.0


class JobOperator(bpy.types.Operator, JobChoice):
    """An operator about one job.

    Attributes:
        states: of the jobs that it is for; it is off, and says `without`, when there is none.
    """

    states: tuple[str, ...] = (*UNDER_WAY, *OVER)
    without = "No job was begun yet"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(cls.concerns(each.view) for each in bridge.current().jobs):
            cls.poll_message_set(cls.without)
            return False
        return True

    @classmethod
    def concerns(cls, job: JobView) -> bool:
        return job.state in cls.states

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        handle = texts.text(self, "job_id")
        found = bridge.current().find(handle)
        try:
            if found is None:
                hint = "Look at the list of jobs, or leave the id out for the job that is watched."
                what = f"There is no job {handle}" if handle else "There is no job"
                raise Problem("job-unknown", f"{what} in this Blender.", hint)
            return self.do(context, found.view)
        except Problem as problem:
            return refuse(self, problem, "" if found is None else found.view.kind)

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        """What it does. May raise Problem."""
        raise NotImplementedError


class _Order(JobOperator):
    """An operator that tells the server something about a job under way."""

    order: Order
    states = UNDER_WAY
    without = "No job is running"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        if job.waits_to_be_chosen and self.order in ("resume", "finish"):
            choose_look(context, job, self.order)
        else:
            bridge.current().order(job.handle, self.order, setup())
        return {"FINISHED"}


class MSD_OT_finish(_Order):
    bl_idname = "msd.finish"
    bl_label = "Finish Now"
    bl_description = "Stop optimising and make the result from what exists"
    order = "finish"

    @classmethod
    def concerns(cls, job: JobView) -> bool:
        return job.can_finish


class MSD_OT_pause(_Order):
    bl_idname = "msd.pause"
    bl_label = "Pause"
    bl_description = "Keep what the job has reached, and let others go before it until it is resumed"
    order = "pause"


class MSD_OT_resume(_Order):
    bl_idname = "msd.resume"
    bl_label = "Resume"
    bl_description = "Go on with a job that is paused, from where it was"
    order = "resume"


class MSD_OT_retry(_Order):
    bl_idname = "msd.retry"
    bl_label = "Try Again"
    bl_description = "Go on with a job that failed or was cancelled, from what was kept of it"
    order = "retry"
    states = ("failed", "cancelled")
    without = "No job failed or was cancelled"


class MSD_OT_first(_Order):
    bl_idname = "msd.first"
    bl_label = "Do Next"
    bl_description = "Let this job be the next one of those that wait"
    order = "first"


class MSD_OT_cancel(JobOperator):
    bl_idname = "msd.cancel"
    bl_label = "Cancel"
    bl_description = "Stop the job. It can go on later from where it was"
    states = UNDER_WAY
    without = "No job is running"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        found = bridge.current().find(texts.text(self, "job_id"))
        if found is None or found.view.worked < DEAR:
            return self.execute(context)
        return present(context.window_manager).invoke_confirm(
            self,
            event,
            title=f"Cancel {found.view.prompt}?",
            message=f"{clock(found.view.worked)} of work are in it. Pause it to keep its place",
            confirm_text="Cancel the Job",
            icon="WARNING",
        )

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        bridge.current().cancel(job.handle)
        return {"FINISHED"}


class MSD_OT_watch(JobOperator):
    bl_idname = "msd.watch"
    bl_label = "Watch"
    bl_description = "Show this job while it forms, instead of the one that is shown now"
    states = UNDER_WAY
    without = "No job is running"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        bridge.current().watch(job.handle)
        return {"FINISHED"}


class MSD_OT_remove_job(JobOperator):
    bl_idname = "msd.remove_job"
    bl_label = "Take Off the List"
    bl_description = "Show this job no longer, which is over. Its result stays among the results"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        if job.busy:
            raise Problem("job-not-over", "The job is under way.", "Cancel it first.")
        bridge.current().remove(job.handle)
        return {"FINISHED"}


class MSD_OT_clear_jobs(bpy.types.Operator):
    bl_idname = "msd.clear_jobs"
    bl_label = "Clear What Is Over"
    bl_description = "Take every job that is over off the list. The results stay"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        for view in link.views():
            if not view.may_go_on and not view.waits_for_a_place:
                link.remove(view.handle)
        return {"FINISHED"}


class _Again(JobOperator):
    """An operator that submits a job once more."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(each.recipe for each in bridge.current().jobs):
            cls.poll_message_set(cls.without)
            return False
        return True


class MSD_OT_go_on(_Again):
    bl_idname = "msd.go_on"
    bl_label = "Go On"
    bl_description = "Submit the job again, with the same seed: it goes on from where it was"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        return _again(self, context, job)


class MSD_OT_another_seed(_Again):
    bl_idname = "msd.another_seed"
    bl_label = "Another Seed"
    bl_description = "Make what the job was to make once more, from another seed"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        return _again(self, context, job, seed=drawn_seed())


def _again(
    operator: bpy.types.Operator, context: bpy.types.Context, job: JobView, **changes: Any
) -> set[OperatorReturnItems]:
    link = bridge.current()
    if not link.has_recipe(job.handle):
        raise Problem("job-unknown", "What this job was asked for is not known here yet.", "Place its result first.")
    # Where it was to go, or where the panel says when that scene is gone, or another object is made beside the first.
    where = link.where(job.handle)
    if where is None or (changes and job.kind == "mesh"):
        where = aims.aim(context, Values(settings_for(context.scene, job.kind)), job.kind)
    made = link.go_on(setup(), where, job.handle, **changes)
    if "seed" in changes:
        settings_for(context.scene, job.kind).seed = changes["seed"]
    return outcome(operator, made)


class MSD_OT_make_anew(_Again):
    bl_idname = "msd.make_anew"
    bl_label = "Make Anew"
    bl_description = "The server had made this result before, and gave it again. Make it once more, from the start"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        return _again(self, context, job, anew=True)


class MSD_OT_reconnect(bpy.types.Operator, JobChoice):
    bl_idname = "msd.reconnect"
    bl_label = "Reconnect"
    bl_description = "Follow the job again, which may have gone on in the server"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            return outcome(self, bridge.current().reconnect(setup(), texts.text(self, "job_id")))
        except Problem as problem:
            return refuse(self, problem)


class MSD_OT_place_here(JobOperator):
    bl_idname = "msd.place_here"
    bl_label = "Place Here"
    bl_description = "Put the result into this scene"
    states = ("done",)
    without = "There is no result yet"

    def do(self, context: bpy.types.Context, job: JobView) -> set[OperatorReturnItems]:
        link = bridge.current()
        if not link.has_result(job.handle):
            raise Problem("job-not-over", "This job has no result yet.", "Wait for it.")
        if job.waits_to_be_chosen:
            choose_look(context, job)
            return outcome(self, job)
        where = aims.aim(context, Values(settings_for(context.scene, job.kind)), job.kind)
        return outcome(self, link.place_here(where, setup(), job.handle))


CLASSES = (
    MSD_OT_finish,
    MSD_OT_pause,
    MSD_OT_resume,
    MSD_OT_retry,
    MSD_OT_first,
    MSD_OT_cancel,
    MSD_OT_watch,
    MSD_OT_remove_job,
    MSD_OT_clear_jobs,
    MSD_OT_go_on,
    MSD_OT_another_seed,
    MSD_OT_make_anew,
    MSD_OT_reconnect,
    MSD_OT_place_here,
)
