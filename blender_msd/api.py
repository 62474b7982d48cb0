"""For scripts, in a window and in `blender -b`: `from bl_ext.user_default.blender_msd import api`.

Every function takes the settings that the panels have, by their names in Python (`scene.msd.mesh` and so on); those
that are not given are taken from the scene. A job waits for its result, or calls back with it:

    duck = api.mesh("a yellow duck", preset="SKETCH", seed=3)
    api.mesh("a red cube", then=lambda cube: print(cube.name))

A callback comes from Blender's event loop. `blender -b` has none: there `api.wait()` makes it come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bpy

from . import bridge
from .core.errors import Problem
from .core.job_view import JobView
from .scene.present import present
from .ui.beginnings import begin, begin_looks
from .ui.settings import settings_for
from .ui.values import Values

__all__ = ["Problem", "looks", "mesh", "retexture", "texture", "wait"]

# Seconds between two looks at a job.
TICK = 0.1


@dataclass(frozen=True)
class _Waiting:
    """Attributes:
    then: is given the result.
    failed: is given the problem; None prints it.
    """

    job: JobView
    then: Callable[[Any], object]
    failed: Callable[[Problem], object] | None


_waiting: list[_Waiting] = []


def mesh(
    prompt: str,
    *,
    then: Callable[[bpy.types.Object], object] | None = None,
    failed: Callable[[Problem], object] | None = None,
    **settings: Any,
) -> bpy.types.Object | None:
    """Make an object.

    Args:
        then: is given it when it is done, on Blender's main thread; without one the call waits for it.
        failed: is given the problem when there is none; without one it is printed. Only with `then`.
        settings: of `scene.msd.mesh`: seed, preset, size, place, faces and so on.

    Returns:
        The object; None when it comes later.

    Raises:
        Problem: what the panel would say; "job-cancelled" when somebody cancelled the job. With `then`, only what is
            found before the job begins.
        TypeError: there is no such setting.
    """
    return _do("mesh", prompt, then, failed, settings)  # type: ignore[return-value]


def texture(
    prompt: str,
    *,
    then: Callable[[bpy.types.ID], object] | None = None,
    failed: Callable[[Problem], object] | None = None,
    **settings: Any,
) -> bpy.types.Image | None:
    """Make a picture, and put it where `apply` says; returns the image. Otherwise as `mesh`, with the settings of
    `scene.msd.texture`."""
    return _do("texture", prompt, then, failed, settings)  # type: ignore[return-value]


def retexture(
    obj: bpy.types.Object,
    prompt: str,
    *,
    then: Callable[[bpy.types.ID], object] | None = None,
    failed: Callable[[Problem], object] | None = None,
    **settings: Any,
) -> bpy.types.Image | None:
    """Paint a mesh on the UV layer that it has; it is active and selected alone from then on. Returns the image.
    Otherwise as `mesh`, with the settings of `scene.msd.retexture`."""
    layer = present(bpy.context.view_layer)
    for other in list(layer.objects.selected):
        other.select_set(False)
    obj.select_set(True)
    layer.objects.active = obj
    return _do("retexture", prompt, then, failed, settings)  # type: ignore[return-value]


def looks(prompt: str, count: int = 4, *, kind: str = "mesh", **settings: Any) -> list[str]:
    """See what several seeds come to, before one of them costs its whole time; waits until all are there.

    Args:
        count: of seeds, 1 to 16: `seed`, and those that follow it.
        kind: "mesh", "texture" or "retexture".
        settings: as of `mesh`.

    Returns:
        The jobs' ids, for `bpy.ops.msd.finish_looks(job_ids=...)` and `bpy.ops.msd.forget_looks(job_ids=...)`, which
        take several with a space between.

    Raises:
        Problem: as `mesh`; what a look failed of.
    """
    link, before = bridge.current(), bridge.current().looks(kind)
    begin_looks(bpy.context, kind, _values(kind, settings | {"prompt": prompt}), count)
    while link.open_questions:
        _pump()
    if link.problem is not None:
        raise link.problem
    made = [job for job in link.looks(kind) if job not in before]
    for job in made:
        _pump_until_over(job)
        if job.problem is not None:
            raise job.problem
    return [job.job_id for job in made]


def wait() -> None:
    """Until every job that calls back has done so."""
    while _waiting:
        for each in list(_waiting):
            _pump_until_over(each.job)
        _look()


def _do(
    kind: str,
    prompt: str,
    then: Callable[[Any], object] | None,
    failed: Callable[[Problem], object] | None,
    settings: dict[str, Any],
) -> bpy.types.ID | None:
    job = _begin(kind, settings | {"prompt": prompt})
    if then is None:
        _pump_until_over(job)
        return _result(job)
    _waiting.append(_Waiting(job, then, failed))
    if not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=TICK, persistent=True)
    return None


class _Given:
    """Settings of a call, where `Values` looks for those of an operator."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        vars(self).update(values)
        self.properties = self

    def is_property_set(self, name: str) -> bool:
        return name in vars(self)


def _begin(kind: str, given: Mapping[str, Any]) -> JobView:
    return begin(bpy.context, kind, _values(kind, given))


def _values(kind: str, given: Mapping[str, Any]) -> Values:
    settings = settings_for(bpy.context.scene, kind)
    unknown = [name for name in given if name not in settings.bl_rna.properties]
    if unknown:
        raise TypeError(
            f"there is no setting {unknown[0]!r}; there are {', '.join(sorted(settings.bl_rna.properties.keys()))}"
        )
    return Values(settings, _Given(given))


def _pump_until_over(job: JobView) -> None:
    while job.busy and not job.waits_to_be_chosen:
        _pump()


def _pump() -> None:
    if not bridge.current().pump():
        time.sleep(TICK / 5)


def _result(job: JobView) -> bpy.types.ID:
    """What came of a job that is over.

    Raises:
        Problem: nothing did.
    """
    if job.state == "failed":
        raise present(job.problem)
    if job.state in ("cancelled", "lost"):
        raise Problem("job-cancelled", f"The job {job.prompt!r} was cancelled.", "Begin it again: it goes on.")
    blocks: Any = bpy.data.objects if job.kind == "mesh" else bpy.data.images
    found: bpy.types.ID | None = blocks.get(job.result)
    if found is None:
        hint = f"It lies in {job.folder}, and can be placed from there."
        raise Problem("scene-lost", "Another file was opened before the result came.", hint)
    return found


def _look() -> float | None:
    """Call back what is over; the interval to the next look."""
    for each in [each for each in _waiting if not each.job.busy]:
        _waiting.remove(each)
        try:
            found = _result(each.job)
        except Problem as problem:
            (each.failed or print)(problem)
        else:
            each.then(found)
    return TICK if _waiting else None
