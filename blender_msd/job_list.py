"""The jobs of this Blender, and which of them is watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .core.job_view import JobView
from .core.messages import Finished
from .followed import Followed, Later
from .scene.placement import Place


class JobList:
    """Attributes:
    jobs: in the order in which they were begun.

    Args:
        left: by an earlier Blender.
    """

    def __init__(self, left: Sequence[JobView]) -> None:
        self.jobs: list[Followed] = []
        self._numbers = 0
        self._finished: tuple[JobView, Finished] | None = None
        for view in left:
            self._add(Followed(view))
        self._watched: Followed | None = self.jobs[-1] if self.jobs else None

    @property
    def job(self) -> JobView | None:
        """The job that is watched; when none is under way, the last one that was."""
        return None if self._watched is None else self._watched.view

    @property
    def finished(self) -> Finished | None:
        """The newest result, which is kept in memory."""
        return None if self._finished is None else self._finished[1]

    @property
    def finished_job(self) -> JobView | None:
        """The job that it is of."""
        return None if self._finished is None else self._finished[0]

    def find(self, handle: str = "") -> Followed | None:
        """A job by its handle; the watched one without."""
        if not handle:
            return self._watched
        return next((each for each in reversed(self.jobs) if each.view.handle == handle), None)

    def views(self) -> list[JobView]:
        """What is worked on, what waits in the server's order, and what is over, the newest first."""
        views = [each.view for each in self.jobs]
        waiting = [view for view in views if view.state in ("queued", "starting")]
        waiting.sort(key=lambda view: (view.state == "starting", view.place, view.number))
        working = [view for view in views if view.busy and view not in waiting]
        return [*working, *waiting, *(view for view in reversed(views) if not view.busy)]

    def newest(self, kind: str) -> JobView | None:
        """The job to tell of beside others of its kind, but no look: the watched one, else the newest, those under
        way first."""
        found = [each.view for each in self.jobs if each.view.kind == kind and not each.view.look]
        if self.job in found:
            return self.job
        return max(found, key=lambda view: (view.busy, view.number), default=None)

    @property
    def waiting(self) -> int:
        """How many jobs are under way besides the watched one."""
        return sum(each.view.busy for each in self.jobs if each is not self._watched and each.view.look != "there")

    def looks(self, kind: str = "") -> list[JobView]:
        """The quick looks of a kind, or of all kinds, which nobody has chosen or forgotten yet, in their order."""
        views = [each.view for each in self.jobs if each.view.look and kind in ("", each.view.kind)]
        return [view for view in views if view.state != "cancelled"]

    def later(self, handle: str) -> Later:
        """Where the result of a quick look goes once it is chosen."""
        found = self.find(handle)
        return None if found is None else found.later

    def to_come_to(self) -> list[JobView]:
        """The jobs of which the next Blender would offer something, if this one ended now."""
        views = [each.view for each in self.jobs if each.view.job_id]
        return [view for view in views if view.may_go_on or view.waits_for_a_place]

    def reserved(self, scene: str) -> Iterator[Place]:
        """Where objects will stand in a scene that are made by now."""
        for each in self.jobs:
            if each.view.busy and isinstance(each.where, Place) and each.where.scene == scene:
                yield each.where

    def _add(self, followed: Followed) -> None:
        self._numbers += 1
        followed.view.number = self._numbers
        self.jobs.append(followed)
