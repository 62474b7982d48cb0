"""A link's dealings with the server itself: starting, stopping, and asking what it can do.

Threads put messages on a queue; `Link.pump` takes them off on Blender's main thread. Messages carry the number of the
job that they belong to, or None.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from functools import partial
from pathlib import Path

from .core import messages
from .core.client import Client, Unreachable
from .core.connection import Setup, choose_connection
from .core.crew import Crew
from .core.errors import Problem
from .core.interrupt import Interrupt
from .core.offer import Offer, follow_offer
from .core.server_process import LocalServer
from .core.server_view import ServerView
from .scene.editors import redraw_sidebars


class ServerLink:
    """The server's half of a link.

    Args:
        home: folder that holds the package `server`.
        user_dir: the extension's own writable folder.
        wake: called on the main thread whenever there will be something to pump.

    Attributes:
        problem: what went wrong last, and `problem_of` the kind of result that was wanted then, if any.
    """

    def __init__(self, home: Path, user_dir: Path, wake: Callable[[], None]) -> None:
        self.user_dir = user_dir
        self.problem: Problem | None = None
        self.problem_of = ""
        self.server = ServerView()
        self.offer = Offer()
        self.local = LocalServer(home, user_dir / "server")
        self._wake = wake
        self._queue: queue.SimpleQueue[tuple[int | Interrupt | None, messages.Message]] = queue.SimpleQueue()
        self._stop_start = Interrupt()
        self._stop_offer = Interrupt()
        self._client: Client | None = None
        # Ids of jobs that were cancelled while the server was out of reach.
        self._unheard: set[str] = set()
        self._crew = Crew()

    @property
    def server_state(self) -> str:
        """ "off", "starting", "slow" or "ready"."""
        return self.server.process

    def start_server(self, setup: Setup) -> None:
        """Start the server, or find it running, without blocking.

        Raises:
            Problem: "server-not-set-up", "online-access-off", "address-unreadable".
        """
        connection = choose_connection(setup, self.local)
        stop, stop_offer = self._starting(), self._only_follower()
        self.problem = None
        self.server.stop()
        self.server.start()

        def ask() -> None:
            client = connection.connect(stop)
            self._queue.put((None, messages.Connected(client)))
            self._ask_for_offer(client, stop_offer)

        self._ask(ask)

    def refresh_offer(self, refresh: bool = True) -> None:
        """Ask the server, if one is known, for all it can do, without blocking; `refresh` lets it look again."""
        if self._client is not None:
            client, stop = self._client, self._only_follower()
            self._ask(lambda: self._ask_for_offer(client, stop, refresh))

    def stop_server(self) -> None:
        """Stop the server that was started here, without blocking."""
        self._leave_server()
        self._ask(self.local.stop)

    def _leave_server(self) -> None:
        """Wait for nothing that the server would say."""
        self._stop_start.set()
        self._stop_offer.set()
        self.server.stop()

    def refuse(self, problem: Problem, kind: str = "") -> None:
        """Show a problem in the panels; `kind` of what was wanted, of the kinds of jobs."""
        self.problem, self.problem_of = problem, kind
        redraw_sidebars()

    def refuse_nothing(self) -> None:
        """What was wrong has been dealt with."""
        self.problem, self.problem_of = None, ""
        redraw_sidebars()

    def _starting(self) -> Interrupt:
        """What ends the start of the server, and all that waits for it."""
        self._stop_start = Interrupt() if self._stop_start.is_set() else self._stop_start
        return self._stop_start

    def _only_follower(self) -> Interrupt:
        self._stop_offer.set()  # whoever still asks
        self._stop_offer = Interrupt()
        return self._stop_offer

    def _ask_for_offer(self, client: Client, stop: Interrupt, refresh: bool = False) -> None:
        for offer in follow_offer(client, stop, refresh):
            self._queue.put((None, messages.Offered(offer)))

    def _cancel_unheard(self, client: Client) -> None:
        """Tell a server that answers again which of its jobs were cancelled meanwhile, without blocking."""
        unheard, self._unheard = self._unheard, set()
        for job_id in unheard:
            self._crew.ask(partial(client.cancel, job_id), partial(self._go_unheard, job_id))

    def _go_unheard(self, job_id: str, problem: Problem) -> None:
        """On a thread: a job could not be cancelled; one that is over needs not be."""
        if isinstance(problem, Unreachable):
            self._queue.put((None, messages.Unheard(job_id)))

    def _ask(self, work: Callable[[], None]) -> None:
        self._crew.ask(work, lambda problem: self._queue.put((None, messages.RequestFailed(problem))))
        self._wake()
