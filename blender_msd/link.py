"""The only place where threads end and Blender begins.

Threads put messages on a queue; `Link.pump` takes them off on Blender's main thread, from one timer that lives only
while there is work. Messages carry the number of the job that they belong to, or the stop signal of its thread: those
of a job that is over, and of a thread whose work another does now, are dropped.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from typing import Any

from . import preview, stage
from .core import left_jobs, messages
from .core.connection import Setup, choose_connection
from .core.errors import Problem
from .core.job_view import JobView
from .core.sent import Sent
from .followed import Aim, Followed
from .render_pause import RenderPause
from .scene import thumbnails
from .scene.editors import redraw_sidebars
from .scene.images import Target
from .scene.placement import Place

BUDGET = 0.004  # seconds; what takes longer has a turn of its own
# A thread ends within the network's time limits once it was interrupted.
JOIN_LIMIT = 12.0


class Link(RenderPause):
    """One Blender's link to the server and its jobs there.

    Args:
        home: folder that holds the package `server`.
        user_dir: the extension's own writable folder.
        wake: called on the main thread whenever there will be something to pump.
    """

    # Main thread: what the operators ask for. Without the `handle` of a job the watched one is meant.

    def make_mesh(self, recipe: dict[str, Any], place: Place, setup: Setup) -> JobView:
        """Queue a mesh job; never blocks.

        Raises:
            Problem: "server-not-set-up", "online-access-off", "address-unreadable".
        """
        return self._begin(stage.view_of(recipe, place), recipe, place, setup)

    def make_texture(self, recipe: dict[str, Any], target: Target, setup: Setup, files: Sequence[Sent] = ()) -> JobView:
        """Queue a texture job; never blocks. `files` that the recipe names are sent first. Raises as `make_mesh`."""
        return self._begin(stage.view_of(recipe, target), recipe, target, setup, files)

    def make(self, recipe: dict[str, Any], where: Place | Target, setup: Setup) -> JobView:
        """Queue a job of any kind; the files that it names were sent before. Raises as `make_mesh`."""
        return self._begin(stage.view_of(recipe, where), recipe, where, setup)

    def go_on(self, setup: Setup, where: Place | Target, handle: str = "", **changes: Any) -> JobView | None:
        """Submit a recipe again, which goes on from where it was; or with changes. Raises as the above."""
        found = self.find(handle)
        if found is None:
            return None
        recipe = found.recipe | changes
        return self._begin(stage.view_of(recipe, where), recipe, where, setup, found.files)

    def reconnect(self, setup: Setup, handle: str = "") -> JobView | None:
        """Follow a job anew, from its beginning; start the server when there was none. Raises as `make_mesh`."""
        found = self.find(handle)
        if found is None or not found.view.job_id:
            self.start_server(setup)
            return None
        self._connection = choose_connection(setup, self.local)
        self.problem, self.problem_of = None, found.view.kind
        found.let_go()
        found.view.begin_again()
        self.server.start()
        if found is self._watched or self.job is None or not self.job.busy:
            self._look_at(found)
        self._steer()
        self._wake()
        return found.view

    def place_here(self, where: Place | Target, setup: Setup, handle: str = "") -> JobView | None:
        """Put a result, or a copy of it, into the scene that is open; fetch it first when need be."""
        found = self.find(handle)
        if found is None:
            return None
        found.where, found.is_wanted = where, True
        if self._finished is not None and self._finished[0] is found.view:
            self._in_scene(found, self._finished[1])
            return found.view
        if found.view.phase == "Left":
            return self.reconnect(setup, handle)
        self._connection = choose_connection(setup, self.local)
        self._fetch(found)
        self._steer()
        self._wake()
        return found.view

    def has_result(self, handle: str = "") -> bool:
        """Whether there is something to place."""
        found = self.find(handle)
        return found is not None and found.view.state == "done"

    def has_recipe(self, handle: str = "") -> bool:
        """Whether there is a job that could be begun once more."""
        found = self.find(handle)
        return found is not None and bool(found.recipe)

    def where(self, handle: str = "") -> Aim:
        """Where a result goes; None when its scene is gone."""
        found = self.find(handle)
        return None if found is None else found.where

    def lose_scene(self) -> None:
        """Another file is being opened: the jobs go on, and their results wait until they are asked for."""
        for each in self.jobs:
            each.where = each.later = None
            if each.view.state == "done":
                each.view.result = ""

    def stop_server(self) -> None:
        """Cancel the jobs and stop the server that was started here, without blocking."""
        tell, stop = self._cancel_all(), self.local.stop
        self._leave_server()

        def end() -> None:
            tell()
            stop()

        self._ask(end)

    def give_up(self, problem: Problem) -> None:
        """End the watched job with a problem, touching nothing in the scene, which may be what is wrong."""
        watched = self._watched
        if watched is not None and watched.view.busy:
            watched.stop.set()
            self._fail(watched, problem)
        self.refuse(problem, self.problem_of)

    # Main thread: what the timer, the tests and background mode drive.

    def pump(self, budget: float = BUDGET) -> int:
        """Take messages off the queue for at most `budget` seconds, and one at least. Returns how many were taken."""
        ends = time.perf_counter() + budget
        count = 0
        while not count or time.perf_counter() < ends:
            try:
                number, message = self._queue.get_nowait()
            except queue.Empty:
                break
            count += 1
            of = next((each for each in self.jobs if number in (each.view.number, each.stop)), None)
            if number is None or of is not None:
                self._receive(of, message)
        if count:
            self._steer()
            self._under_way.note(self.to_come_to())
        self._hold()
        self._ask_about_all()
        if self._tick() or count:
            redraw_sidebars()
        return count

    def wait(self, job: JobView | None) -> None:
        """Background mode: pump until a job is over, or a look is there. Ctrl+C cancels it."""
        while job is not None and job.busy and not job.waits_to_be_chosen:
            try:
                if not self.pump():
                    time.sleep(0.02)
            except KeyboardInterrupt:
                self.cancel(job.handle)

    def wait_for_answers(self) -> None:
        """Background mode: pump until every question is answered. Ctrl+C waits no longer."""
        try:
            while self.open_questions:
                if not self.pump():
                    time.sleep(0.02)
        except KeyboardInterrupt:
            self._stop_start.set()

    @property
    def busy(self) -> bool:
        """Whether the timer is still needed."""
        unsettled = any(each.view.busy or not each.view.settled for each in self.jobs)
        return unsettled or self._crew.busy or not self._queue.empty()

    def shut_down(self, leave_jobs: bool) -> None:
        """Join every thread and stop the server that was started here.

        Args:
            leave_jobs: those under way go on in their server, which ends behind them; else they are cancelled.
        """
        left = [each for each in self.jobs if leave_jobs and each.view.may_go_on and each.view.job_id]
        self._under_way.close()
        try:
            noted = [view for view in self.to_come_to() if leave_jobs or not view.may_go_on]
            left_jobs.leave_jobs(self.user_dir, noted)
            self.jobs = [each for each in self.jobs if each not in left]
            self._crew.ask(self._cancel_all(), lambda problem: None)
            if left:
                preview.clear()
        finally:
            # Whatever the scene is like while Blender quits, no thread may be left, and no process without work.
            for each in left:
                each.let_go()
            for each in self.jobs:
                each.stop.set()
            for stop in (self._stop_start, self._stop_offer, self._stop_pictures):
                stop.set()
            self._crew.join(JOIN_LIMIT)
            self.local.leave() if left else self.local.stop()

    # How it is done.

    def _tick(self) -> bool:
        """Keep the clocks; whether there is something new to draw."""
        if self.server.process == "starting":
            self.server.last_line = self.local.last_line
        is_new = self.server.process == "starting"
        for each in self.jobs:
            view = each.view
            # In this order: what it said last was put on the queue before it ended.
            if view.busy and each.task and each.worker and not each.worker.is_alive() and self._queue.empty():
                problem = Problem("add-on-error", "The job's thread ended without a word.", "Copy the report.")
                self._fail(each, problem)
                is_new = True
            is_new |= view.arrives() | (view.busy and view.tick())
        return is_new

    def _receive(self, of: Followed | None, message: messages.Message) -> None:
        silent = messages.RequestFailed | messages.Failed | messages.Noted | messages.Retrying | messages.Rolled
        if self.server.process == "slow" and not isinstance(message, silent):
            self.problem = None
            self.server.connect()
        if isinstance(message, messages.Connected):
            self.server.connect()
            self._client, self._roll_at = message.client, 0.0
            self._cancel_unheard(message.client)
        elif isinstance(message, messages.Offered):
            self.offer = message.offer
        elif isinstance(message, messages.Retrying):
            if of is None or of is self._watched:
                self.server.retries = message.attempts
        elif isinstance(message, messages.Unheard):
            self._receive_unheard(message.job_id)
        elif isinstance(message, messages.Rolled):
            self._receive_roll(message)
        elif isinstance(message, messages.Rendering):
            self._receive_render(message.renders)
        elif isinstance(message, messages.Answered):
            self._answered(message)
        elif isinstance(message, messages.Pictured):
            thumbnails.load(message.job_id, message.file)
        elif isinstance(message, messages.RequestFailed):
            self.problem = message.problem
            self.problem_of = self.job.kind if self.job is not None and self.job.busy else ""
            self.server.judge(message.problem, of_job=False)
        elif of is not None:
            self._receive_from_job(of, message)

    def _receive_from_job(self, of: Followed, message: messages.Message) -> None:
        view = of.view
        if isinstance(message, messages.Obeyed):
            self._receive_obeyed(of, message)
        elif isinstance(message, messages.Submitted) and view.state == "cancelled" and not view.job_id:
            view.job_id = message.job_id
            self._tell(of, "cancel")
        elif isinstance(message, messages.Failed) and view.busy:
            self._fail(of, message.problem)
            preview.uncover()
        elif view.busy:
            if isinstance(message, messages.Submitted):
                of.task = "" if of.task == "submit" else of.task
                if not (self.offer.models and self.offer.is_complete):
                    self.refresh_offer(refresh=False)
            if isinstance(message, messages.Finished):
                self.refresh_offer(refresh=False)  # which knows now how long such a job takes
                self._finished = (view, message)
                of.recipe, of.task = of.recipe or message.recipe, ""
            self._in_scene(of, message)
            if not view.busy:
                of.task, of.is_over = "", False
            if of.is_errand and view.state == "done":
                self.jobs.remove(of)
            elif view.state == "done":
                self._list_again()

    def _in_scene(self, of: Followed, message: messages.Message) -> None:
        try:
            is_watched = of is self._watched
            stage.show(of.view, message, of.where, is_watched, is_watched or of.is_wanted)
        except Exception as error:
            # Whatever goes wrong in the scene must end the job and not the timer.
            self._fail(of, Problem("add-on-error", f"The result could not be shown: {error!r}.", "Copy the report."))
            of.stop.set()
