"""Jobs and renders want the same processor or graphics card: while Blender renders, its jobs wait."""

from __future__ import annotations

import threading

from .core import messages
from .core.client import Unreachable
from .core.job_requests import Order
from .followed import Followed
from .looks_link import LooksLink
from .scene.present import present

HELD = ("queued", "running")


class RenderPause(LooksLink):
    """The half of a link that is about renders.

    Attributes:
        renders: whether jobs are held back for one.
    """

    renders = False

    def render_begins(self) -> None:
        """Hold this Blender's jobs back until `render_ends`; from any thread."""
        self._note_render(True)

    def render_ends(self) -> None:
        """Let go on what was held back; from any thread."""
        self._note_render(False)

    def _note_render(self, renders: bool) -> None:
        # Blender calls from the thread that renders, or from the main one, which then does nothing else for as long.
        if threading.current_thread() is threading.main_thread():
            self._receive_render(renders)
        else:
            self._queue.put((None, messages.Rendering(renders)))

    def _receive_render(self, renders: bool) -> None:
        self.renders = renders
        self._hold()

    def _hold(self) -> None:
        """Pause every job that is not held back yet, those that were begun meanwhile, too; or let all of them go on."""
        for each in self.jobs:
            view = each.view
            if self.renders and not each.held and view.job_id and view.state in HELD:
                each.held = "asked"
                self._tell_quietly(each, "pause")
            elif not self.renders and each.held == "held" and view.busy:
                # Not before the server has paused it: it would be paused for good by an order that is late.
                self._tell_quietly(each, "resume")
            if not self.renders and each.held != "asked":
                each.held = ""

    def _receive_obeyed(self, of: Followed, obeyed: messages.Obeyed) -> None:
        super()._receive_obeyed(of, obeyed)
        if obeyed.order == "pause" and of.held == "asked":
            of.held = "held" if obeyed.done else "refused"
            self._hold()

    def _tell_quietly(self, followed: Followed, order: Order) -> None:
        """One that is being finished cannot be paused, which is nobody's concern."""
        client, job_id, number = self._client, followed.view.job_id, followed.view.number

        def put(done: bool) -> None:
            self._queue.put((number, messages.Obeyed(order, done)))

        def tell() -> None:
            present(client).order(job_id, order)
            put(True)

        self._crew.ask(tell, lambda problem: put(isinstance(problem, Unreachable)))
