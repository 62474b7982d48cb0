"""Operators about quick looks: they are asked for, ticked, made as a whole, or forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.errors import Problem
from ..core.job_view import JobView, clock
from ..scene.present import present
from . import texts
from .beginnings import begin_looks, choose_look
from .choices import JobChoice, JobsChoice, LooksChoice
from .job_operators import DEAR
from .models import chosen_model
from .operators import Begins, outcome, refuse
from .properties import MeshSettings, TextureSettings
from .quality import shorter_side
from .retexture_properties import RetextureSettings
from .settings import settings_for
from .values import Values

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

DESCRIPTION = "See what several seeds come to, before any of them costs its whole time; choose then which are made"


class _Look(Begins, bpy.types.Operator, LooksChoice):
    """An operator that asks for quick looks; in background mode it waits for them."""

    kind: str

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:
        """With what they cost, of the whole, when the server says it."""
        settings = settings_for(context.scene, cls.kind)
        model = chosen_model(settings)
        share = None if model is None else model.look_share(cls.kind, settings.preset.lower(), shorter_side(settings))
        cost = "" if share is None else f". Costs {properties.count * share:.1f} of what the whole costs once"
        return f"{DESCRIPTION}{cost}"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        try:
            begin_looks(context, self.kind, Values(settings_for(context.scene, self.kind), self), self.count)
        except Problem as problem:
            return refuse(self, problem, self.kind)
        if bpy.app.background:
            link.wait_for_answers()
            for job in link.looks(self.kind):
                link.wait(job)
            if link.problem is not None:
                return refuse(self, link.problem, self.kind)
        return {"FINISHED"}


class MSD_OT_look_at_meshes(_Look, MeshSettings):
    bl_idname = "msd.look_at_meshes"
    bl_label = "Quick Looks"
    kind = "mesh"


class MSD_OT_look_at_textures(_Look, TextureSettings):
    bl_idname = "msd.look_at_textures"
    bl_label = "Quick Looks"
    kind = "texture"


class MSD_OT_look_at_retextures(_Look, RetextureSettings):
    bl_idname = "msd.look_at_retextures"
    bl_label = "Quick Looks"
    kind = "retexture"


class MSD_OT_tick_look(bpy.types.Operator, JobChoice):
    bl_idname = "msd.tick_look"
    bl_label = "Tick"
    bl_description = "Choose this one, or do not"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            (job,) = _named(texts.text(self, "job_id"))
            _check_there(job)
        except Problem as problem:
            return refuse(self, problem)
        job.ticked = not job.ticked
        return {"FINISHED"}


class _Looks(bpy.types.Operator, JobsChoice):
    """An operator about several looks."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not bridge.current().looks():
            cls.poll_message_set("There are no quick looks")
            return False
        return True

    def concerned(self) -> list[JobView]:
        """Those that were named; else, by whether they are ticked. Raises Problem ("job-unknown")."""
        named = texts.text(self, "job_ids").split()
        return _named(*named) if named else [job for job in bridge.current().looks() if self.takes(job)]

    def takes(self, job: JobView) -> bool:
        raise NotImplementedError


class MSD_OT_finish_looks(_Looks):
    bl_idname = "msd.finish_looks"
    bl_label = "Finish Chosen"
    bl_description = "Make what is ticked as a whole: each goes on from its look, and is placed when it is done"

    def takes(self, job: JobView) -> bool:
        return job.ticked

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        chosen: list[JobView] = []
        try:
            chosen = self.concerned()
            if not chosen:
                raise Problem("job-unknown", "No look is ticked.", "Tick those that are to be made.")
            for job in chosen:
                _check_there(job)
            for job in chosen:
                choose_look(context, job)
        except Problem as problem:
            return refuse(self, problem, chosen[0].kind if chosen else "")
        outcomes = [outcome(self, job) for job in chosen]
        return next((each for each in outcomes if each != {"FINISHED"}), {"FINISHED"})


class MSD_OT_forget_looks(_Looks):
    bl_idname = "msd.forget_looks"
    bl_label = "Forget the Others"
    bl_description = "Cancel the looks that are not ticked, also those that are not there yet"

    def takes(self, job: JobView) -> bool:
        return not job.ticked

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        try:
            lost = self.concerned()
        except Problem as problem:
            return refuse(self, problem)
        worked = sum(job.worked for job in lost)
        if worked < DEAR:
            return self.execute(context)
        return present(context.window_manager).invoke_confirm(
            self,
            event,
            title="Forget the Others?",
            message=f"{clock(worked)} of work are in them",
            confirm_text="Forget Them",
            icon="WARNING",
        )

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            for job in self.concerned():
                bridge.current().forget(job)
        except Problem as problem:
            return refuse(self, problem)
        return {"FINISHED"}


def _named(*job_ids: str) -> list[JobView]:
    looks = {job.handle: job for job in bridge.current().looks()}
    for job_id in job_ids:
        if job_id not in looks:
            hint = "Look at the list of jobs: it was chosen or forgotten before."
            raise Problem("job-unknown", f"There is no quick look {job_id} in this Blender.", hint)
    return [looks[job_id] for job_id in job_ids]


def _check_there(job: JobView) -> None:
    if not job.waits_to_be_chosen:
        raise Problem("job-not-over", "This look is not there yet.", "Wait for it.")


CLASSES = (
    MSD_OT_look_at_meshes,
    MSD_OT_look_at_textures,
    MSD_OT_look_at_retextures,
    MSD_OT_tick_look,
    MSD_OT_finish_looks,
    MSD_OT_forget_looks,
)
