"""How jobs begin, from the panels, from operators and from scripts alike: never blocking."""

from __future__ import annotations

import bpy

from .. import bridge
from ..core.job_view import JobView
from ..core.sent import Sent
from ..scene import given, sources
from ..scene.present import present
from . import aims
from .preferences import setup
from .recent import recents
from .settings import settings_for
from .values import Values


def begin(context: bpy.types.Context, kind: str, values: Values) -> JobView:
    """Begin a job of a kind; the seed and the prompt that it uses are shown afterwards.

    Raises:
        Problem: as `Values.recipe`, `aims.aim`, `given.gather`, `sources.gather` and `Link.make_mesh`.
    """
    link = bridge.current()
    if kind == "mesh":
        recipe = values.recipe(kind)
        job = link.make_mesh(recipe, aims.place(context, values), setup())
    elif kind == "texture":
        recipe, target = values.recipe(kind), aims.target(context, values)
        files: tuple[Sent, ...] = ()
        begun = values["source"], values["part"], values["mask"]
        if values["source"]:
            source = sources.gather(*begun)
            recipe, files = values.recipe(kind, source=source), source.files
        job = link.make_texture(recipe, target, setup(), files)
    else:
        values.recipe(kind)
        target = aims.surface(context, values)
        found = given.gather(context, present(context.object), values["faces"])
        file = found.packed()
        recipe = values.recipe(kind, file.name)
        job = link.make_texture(recipe, target, setup(), [file])
        job.notes.extend(found.notes)
    settings_for(context.scene, kind).seed = recipe["seed"]
    recents().remember(kind, recipe["prompt"])
    return job
