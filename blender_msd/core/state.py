"""The one state that every panel reads, with its one text and its one button: a pure function of plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import Problem, explain
from .job_view import JobView, clock
from .kinds import THINGS
from .offer import Offer
from .remedies import CONTINUE, PAUSE, REPORT, SET_UP, UPDATE, Button
from .server_view import ServerView

Name = Literal[
    "not set up",
    "set-up part-done",
    "update needed",
    "off",
    "starting",
    "ready",
    "busy",
    "connection lost",
    "incompatible",
    "failed",
]

# Problems of the server itself, not of what it was asked for.
OF_THE_SERVER = frozenset(
    """server-python-missing server-did-not-start server-file-unusable data-folder-unusable server-stopped server-lost
    server-already-running not-our-server address-unreadable token-wrong online-access-off worker-did-not-start
    path-unreadable path-relative server-slow server-incompatible""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class SetUp:
    """How far the set-up of the server's environment is.

    Attributes:
        progress: "none", "part-done", "outdated" or "done".
        fraction: of it that is done, in [0, 1].
        installed, wanted: versions, of an outdated one.
        running: whether it is worked on now.
    """

    progress: Literal["none", "part-done", "outdated", "done"] = "done"
    fraction: float = 0.0
    installed: str = ""
    wanted: str = ""
    running: bool = False


@dataclass(frozen=True)
class State:
    """Attributes:
    name: which of the states it is.
    text: what is said of it.
    button: what can be done about it.
    fraction: of the running job, in [0, 1], for its bar; None when none runs.
    problem: what is wrong, whole; None when nothing is.
    """

    name: Name
    text: str
    button: Button
    fraction: float | None = None
    problem: Problem | None = None


START = Button("msd.start_server", "Start", "PLAY")
STOP = Button("msd.stop_server", "Stop")
CANCEL = Button("msd.cancel", "Cancel", "CANCEL")
RECONNECT = Button("msd.reconnect", "Reconnect", "FILE_REFRESH")
FETCH = Button("msd.reconnect", "Fetch Them", "FILE_REFRESH")
PLACE_HERE = Button("msd.place_here", "Place Here", "PIVOT_CURSOR")


def state_of(
    set_up: SetUp,
    server: ServerView,
    offer: Offer,
    job: JobView | None,
    problem: Problem | None,
    now: float,
    waiting: int = 0,
) -> State:
    """The state of everything.

    Args:
        job: the one that is watched.
        problem: what is wrong and no panel says beside what it belongs to.
        now: on the monotonic clock.
        waiting: jobs under way besides that one.
    """
    if job is not None and job.busy and not job.waits_to_be_chosen:
        return _at_work(server, job, now, waiting)
    if server.process == "starting":
        return State("starting", _starting(server, now), STOP)
    if problem is not None and problem.code == "server-incompatible":
        return _in_trouble("incompatible", problem)
    if job is not None and job.look and job.phase == "Left":
        return State("ready", f"Quick looks: {job.prompt}", FETCH)
    if job is not None and job.waits_for_a_place and not job.look:
        return State("ready", f"Done: {job.prompt}", PLACE_HERE)
    if problem is not None and problem.code != "server-not-set-up":
        return _in_trouble("connection lost" if server.process == "slow" else "failed", problem)
    if server.process == "ready":
        return State("ready", ", ".join(["Ready", *_device(offer)]), STOP)
    if set_up.progress == "none":
        return State("not set up", "Not set up yet", SET_UP)
    if set_up.progress == "part-done":
        button = PAUSE if set_up.running else CONTINUE
        return State("set-up part-done", f"Set-up {set_up.fraction:.0%} done", button)
    if set_up.progress == "outdated":
        return State("update needed", f"Update needed: {set_up.installed} to {set_up.wanted}", UPDATE)
    return State("off", "Off, starts when you generate", START)


def _at_work(server: ServerView, job: JobView, now: float, waiting: int) -> State:
    thing, more = THINGS[job.kind], f", {waiting} more" if waiting else ""
    if server.retries:
        text = f"Connection lost, retrying ({server.retries}); the job goes on"
        return State("connection lost", text, RECONNECT if job.job_id else CANCEL, job.fraction)
    if server.process in ("starting", "slow"):
        return State("starting", _starting(server, now), CANCEL)
    phase = "Paused" if job.state == "paused" else job.phase
    return State("busy", f"{thing}: {phase}, {job.fraction:.0%}{more}", CANCEL, job.fraction)


def _starting(server: ServerView, now: float) -> str:
    line = f": {server.last_line}" if server.last_line else ""
    return f"Starting, {clock(now - server.began)}{line}"


def _device(offer: Offer) -> list[str]:
    free = [] if offer.free_gb is None else [f"{offer.free_gb:.1f} GB free"]
    return [*([offer.device] if offer.device else []), *free]


def _in_trouble(name: Name, problem: Problem) -> State:
    explanation = explain(problem)
    button = explanation.button or REPORT
    return State(name, explanation.headline, button, problem=problem)
