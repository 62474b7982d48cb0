"""Orders to jobs that the server may not be ready to take at once."""

from __future__ import annotations

from .client import Client, Slow
from .errors import Problem
from .interrupt import Interrupt
from .job_requests import Order

# How often, and how many seconds later, it is asked again for a job that its worker is about to leave.
LEAVING, PAUSE = 10, 0.3


def order_patiently(client: Client, job_id: str, order: Order, stop: Interrupt) -> None:
    """Give an order; a job that was cancelled just now can be tried again only once its worker has left it.

    Raises:
        Problem: the server's own ("wrong-state"), or "server-lost", "server-slow".
        Interrupted: `stop` was set meanwhile.
    """
    may_be_obeyed = False
    for _ in range(LEAVING):
        try:
            client.order(job_id, order)
            return
        except Problem as problem:
            is_late = isinstance(problem, Slow)
            if order != "retry" or not (is_late or problem.code == "wrong-state"):
                raise
            may_be_obeyed |= is_late
        if may_be_obeyed and client.job(job_id)["state"] not in ("failed", "cancelled"):
            return
        stop.wait(PAUSE)
    client.order(job_id, order)
