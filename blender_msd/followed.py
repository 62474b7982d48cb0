"""One job of this Blender's: what is shown of it, what it was asked for, and the thread that works for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .core.interrupt import Interrupt
from .core.job_view import JobView
from .core.sent import Sent
from .scene.images import Target
from .scene.placement import Place

Aim = Place | Target | None
# A target, or settings from which a place is found when it is needed; None: as the panel says then.
Later = Target | Mapping[str, Any] | None


@dataclass(eq=False)
class Followed:
    """Attributes:
    where: what its result goes to; None when that scene is gone.
    files: that its recipe names.
    task: what its thread does for it; "stream" submits it, too, when need be.
    worker: that thread; `stop` ends what it does.
    waits: whether the server's list says that it waits. Its events begin with that, whatever it does by now.
    is_over: whether its result waits to be fetched.
    is_wanted: whether a person has just asked for its result.
    held: how far it is held back for a render.
    is_errand: whether it is only about placing a result once more; then it leaves the list with its end.
    later: where a quick look's result goes once it is chosen.
    is_retried: whether the server is being asked to try it again.
    """

    view: JobView
    recipe: dict[str, Any] = field(default_factory=dict)
    where: Aim = None
    files: Sequence[Sent] = ()
    task: Literal["", "submit", "stream", "fetch"] = ""
    worker: threading.Thread | None = None
    stop: Interrupt = field(default_factory=Interrupt)
    waits: bool = False
    is_over: bool = False
    is_wanted: bool = False
    held: Literal["", "asked", "held", "refused"] = ""
    is_errand: bool = False
    later: Later = None
    is_retried: bool = False

    @property
    def wants_news(self) -> bool:
        """Whether nobody else tells how it is doing."""
        view = self.view
        if not view.job_id or self.is_over or self.task == "fetch":
            return False
        unseen = view.busy and (self.task != "stream" or view.state == "queued")
        return unseen or view.state == "lost" or view.phase == "Left"

    def let_go(self) -> None:
        """Let its thread end; the server goes on with it."""
        self.stop.set(leave=True)
        self.task = ""
