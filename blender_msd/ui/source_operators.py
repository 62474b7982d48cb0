"""The operator that makes another texture out of the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..core.arrays import Png
from ..core.errors import Problem
from ..core.recipes import variation
from ..core.sent import Sent
from ..scene.images import Target
from ..scene.present import present
from . import aims
from .operators import outcome, refuse
from .preferences import setup
from .settings import scene_settings
from .values import Values, drawn_seed

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


def _last() -> tuple[dict[str, Any], Png] | None:
    """Recipe and picture of the last result, if it is a texture."""
    done = bridge.current().finished
    if done is None or done.recipe["kind"] != "texture" or not isinstance(done.result, Png):
        return None
    return done.recipe, done.result


class MSD_OT_vary(bpy.types.Operator):
    bl_idname = "msd.vary"
    bl_label = "Vary"
    bl_description = (
        "Make another texture that begins as this one, from another seed. Reimagine says how much it differs"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _last() is None:
            cls.poll_message_set("No texture was made yet")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        link, settings = bridge.current(), scene_settings(context.scene).texture
        values = Values(settings)
        try:
            last, png = present(_last())
            picture = Sent("images", png.data)
            seed = drawn_seed()
            recipe = variation(last, picture.name, values["reimagine"], seed)
            where = link.where(present(link.finished_job).handle)
            target = where if isinstance(where, Target) else aims.target(context, values)
            job = link.make_texture(recipe, target, setup(), [picture])
            settings.seed = seed
        except Problem as problem:
            return refuse(self, problem, "texture")
        return outcome(self, job)


CLASSES = (MSD_OT_vary,)
