"""How jobs begin, from the panels, from operators and from scripts alike: never blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from .. import bridge
from ..core.checks import number
from ..core.job_requests import Order
from ..core.job_view import JobView
from ..core.limits import LOOKS, SEED
from ..core.sent import Sent
from ..scene import given, sources
from ..scene.images import Target
from ..scene.placement import Place
from ..scene.present import present
from . import aims
from .preferences import setup
from .recent import recents
from .settings import settings_for
from .values import PLACING, Values


def begin(context: bpy.types.Context, kind: str, values: Values) -> JobView:
    """Begin a job of a kind; the seed and the prompt that it uses are shown afterwards.

    Raises:
        Problem: as `Values.recipe`, `aims.aim`, `given.gather`, `sources.gather` and `Link.make_mesh`.
    """
    link = bridge.current()
    if kind == "mesh":
        recipe = values.recipe(kind)
        job = link.make_mesh(recipe, aims.place(context, values), setup())
    else:
        recipe, target, files, notes = _picture(context, kind, values)
        job = link.make_texture(recipe, target, setup(), files)
        job.notes.extend(notes)
    _remember(context, recipe)
    return job


def begin_looks(context: bpy.types.Context, kind: str, values: Values, count: int) -> None:
    """Ask for quick looks at the seed that the settings say, and at those that follow it.

    Raises:
        Problem: as `begin`; "value-out-of-range", for their number.
    """
    link, count = bridge.current(), int(number("Looks", count, LOOKS))
    if kind == "mesh":
        recipe = values.recipe(kind)
        aims.place(context, values)  # what cannot be placed is not worth a look
        later: Target | Mapping[str, Any] = {name: values[name] for name in PLACING[kind]}
        files: Sequence[Sent] = ()
        notes: Sequence[str] = ()
    else:
        recipe, later, files, notes = _picture(context, kind, values)
    seeds = [(recipe["seed"] + number) % int(SEED.most + 1) for number in range(count)]
    link.look(recipe, seeds, later, setup(), files, notes)
    _remember(context, recipe)


def choose_look(context: bpy.types.Context, job: JobView, order: Order = "resume") -> None:
    """Let a look that is there be made as a whole, or "finish" it as it is, and be placed where it was asked for.

    Raises:
        Problem: as `aims.aim` and `Link.make_mesh`.
    """
    link = bridge.current()
    later = link.later(job.handle)
    where: Place | Target
    if isinstance(later, Target):
        where = later
    elif later is not None:
        where = aims.place(context, later)
    else:
        where = aims.aim(context, Values(settings_for(context.scene, job.kind)), job.kind)
    link.choose(job, where, setup(), order)
    settings_for(context.scene, job.kind).seed = job.seed


def _picture(
    context: bpy.types.Context, kind: str, values: Values
) -> tuple[dict[str, Any], Target, Sequence[Sent], Sequence[str]]:
    """Of a job that makes a picture: its recipe, what it goes on, the files that it names, and notes about it."""
    if kind == "texture":
        recipe, target = values.recipe(kind), aims.target(context, values)
        begun = values["source"], values["part"], values["mask"]
        if not values["source"]:
            return recipe, target, (), ()
        source = sources.gather(*begun)
        return values.recipe(kind, source=source), target, source.files, ()
    values.recipe(kind)
    target = aims.surface(context, values)
    found = given.gather(context, present(context.object), values["faces"])
    file = found.packed()
    return values.recipe(kind, file.name), target, [file], found.notes


def _remember(context: bpy.types.Context, recipe: dict[str, Any]) -> None:
    settings_for(context.scene, recipe["kind"]).seed = recipe["seed"]
    recents().remember(recipe["kind"], recipe["prompt"])
