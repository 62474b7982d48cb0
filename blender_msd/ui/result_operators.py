"""Operators about what was made, by this Blender or another. Each takes the id of its job, and means the result that is
chosen in the panel without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.checks import number
from ..core.errors import Problem
from ..core.job_view import JobView
from ..core.library import Result
from ..core.limits import FACES, STEPS
from ..scene.images import Target
from ..scene.placement import Place
from ..scene.present import present
from . import aims, texts
from .choices import MeshChoice, PageChoice, ResultChoice, SeedChoice, StarChoice, StepsChoice
from .operators import outcome, refuse
from .preferences import setup
from .recall import recall
from .settings import scene_settings, settings_for, window_settings
from .values import Values, drawn_seed

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def _outcome(operator: bpy.types.Operator, made: list[JobView] | None = None) -> set[OperatorReturnItems]:
    """In a window: it was asked for. In background mode: wait for the answer, and for the end of the job in `made`."""
    if not bpy.app.background:
        return {"FINISHED"}
    link = bridge.current()
    link.wait_for_answers()
    if link.problem is not None:
        return refuse(operator, link.problem)
    return outcome(operator, made[0]) if made else {"FINISHED"}


def _where(context: bpy.types.Context, kind: str) -> Place | Target:
    """As the panel says. Raises Problem."""
    return aims.aim(context, Values(settings_for(context.scene, kind)), kind)


class MSD_OT_list_results(bpy.types.Operator):
    bl_idname = "msd.list_results"
    bl_label = "Show Results"
    bl_description = "Look at everything that was made, in whichever file. Starts the server when it is off"

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            bridge.current().list_results(setup())
        except Problem as problem:
            return refuse(self, problem)
        return _outcome(self)


class ResultOperator(bpy.types.Operator, ResultChoice):
    """An operator about one result."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bridge.current().shelf.results is None and not bpy.app.background:
            cls.poll_message_set("Show the results first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link = bridge.current()
        try:
            if link.shelf.results is None:
                link.list_results(setup())
                link.wait_for_answers()
                if link.problem is not None:
                    return refuse(self, link.problem)
            wanted = texts.text(self, "job_id") or link.shelf.chosen
            found = link.shelf.get(wanted)
            if found is None:
                what = f"There is no result {wanted}." if wanted else "No result is chosen."
                raise Problem("job-unknown", what, "Choose one in the panel Results.")
            return self.do(context, found)
        except Problem as problem:
            return refuse(self, problem)

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        """What it does. May raise Problem."""
        raise NotImplementedError


class MSD_OT_choose_result(ResultOperator):
    bl_idname = "msd.choose_result"
    bl_label = "Choose"
    bl_description = "Say more of this result, and what can be done with it"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        bridge.current().shelf.chosen = result.job_id
        return {"FINISHED"}


class MSD_OT_place_result(ResultOperator):
    bl_idname = "msd.place_result"
    bl_label = "Place Again"
    bl_description = "Put this result into the scene once more, where the panel says"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        job = bridge.current().place_again(result, _where(context, result.kind), setup())
        return outcome(self, job)


class MSD_OT_star_result(ResultOperator, StarChoice):
    bl_idname = "msd.star_result"
    bl_label = "Star"
    bl_description = "A result with a star is kept, however full the server's folder is"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        bridge.current().star(result.job_id, self.starred, setup())
        return _outcome(self)


class MSD_OT_use_settings(ResultOperator, SeedChoice):
    bl_idname = "msd.use_settings"
    bl_label = "Use Settings"
    bl_description = "Let the panel ask for what this result was made from"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        link, new_seed = bridge.current(), self.new_seed

        def then(recipe: dict[str, Any]) -> None:
            recalled = recall(scene_settings(bpy.context.scene), recipe, link.offer)
            recalled.random_seed = new_seed

        link.recipe_of(result.job_id, then, setup())
        return _outcome(self)


class MSD_OT_vary_result(ResultOperator):
    bl_idname = "msd.vary_result"
    bl_label = "New Seed"
    bl_description = "Make what this result was made from once more, from another seed"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        link, where, wanted, made = bridge.current(), _where(context, result.kind), setup(), list[JobView]()
        seed = drawn_seed()
        link.recipe_of(
            result.job_id, lambda recipe: made.append(link.make(recipe | {"seed": seed}, where, wanted)), wanted
        )
        return _outcome(self, made)


class MSD_OT_continue_result(ResultOperator, StepsChoice):
    bl_idname = "msd.continue_result"
    bl_label = "Continue"
    bl_description = "Take more steps from where this result ended. It stays as it is; what comes of it is another"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        if not result.can_continue:
            raise Problem("job-unknown", "Where this result ended was not kept.", "Make it again with more steps.")
        steps, made = number("Steps", self.steps, STEPS), list[JobView]()
        where = _where(context, result.kind)
        bridge.current().descend(result.job_id, "continue", {"steps": steps}, where, made.append, setup())
        return _outcome(self, made)


class MSD_OT_remesh_result(ResultOperator, MeshChoice):
    bl_idname = "msd.remesh_result"
    bl_label = "Finish Differently"
    bl_description = "Make another mesh of this object, with other faces and another texture, without optimising"

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        if not result.can_remesh:
            raise Problem("job-unknown", "What this result was meshed from was not kept.", "Make it again.")
        wishes = {"faces": number("Faces", self.faces, FACES), "texture_size": int(self.texture_size)}
        made = list[JobView]()
        bridge.current().descend(result.job_id, "remesh", wishes, _where(context, "mesh"), made.append, setup())
        return _outcome(self, made)


class MSD_OT_delete_result(ResultOperator):
    bl_idname = "msd.delete_result"
    bl_label = "Delete Result"
    bl_description = "Remove this result and its files from the server. What is in a scene stays there"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        shelf = bridge.current().shelf
        found = shelf.get(texts.text(self, "job_id") or shelf.chosen)
        return present(context.window_manager).invoke_confirm(
            self,
            event,
            title="Delete this result?" if found is None else f"Delete {found.prompt}?",
            message="Its files are removed for good. What is in a scene stays there",
            confirm_text="Delete",
            icon="WARNING",
        )

    def do(self, context: bpy.types.Context, result: Result) -> set[OperatorReturnItems]:
        bridge.current().delete(result.job_id, setup())
        return _outcome(self)


class MSD_OT_turn_page(bpy.types.Operator, PageChoice):
    bl_idname = "msd.turn_page"
    bl_label = "Turn the Page"
    bl_description = "Show another part of the list"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        if self.which == "result_page":
            bridge.current().turn_results(self.to)
        else:
            window_settings().job_page = self.to
        return {"FINISHED"}


CLASSES = (
    MSD_OT_turn_page,
    MSD_OT_list_results,
    MSD_OT_choose_result,
    MSD_OT_place_result,
    MSD_OT_star_result,
    MSD_OT_use_settings,
    MSD_OT_vary_result,
    MSD_OT_continue_result,
    MSD_OT_remesh_result,
    MSD_OT_delete_result,
)
