"""Jobs that are tried again: nothing that belongs to their first life reaches into the second."""

from __future__ import annotations

from .core import messages
from .core.connection import Setup
from .core.job_requests import Order
from .followed import Followed
from .queue_link import QueueLink


class RetryLink(QueueLink):
    """A link whose jobs have one life at a time."""

    def order(self, handle: str, order: Order, setup: Setup) -> None:
        found = self.find(handle)
        if found is None or found.is_retried:
            return
        if found.view.busy if order == "retry" else not found.view.may_go_on:
            return  # a click on what was shown before
        super().order(handle, order, setup)
        found.is_retried = order == "retry"

    def remove(self, handle: str) -> None:
        found = self.find(handle)
        if found is None or not found.is_retried:
            super().remove(handle)

    # How it is done.

    def _receive_obeyed(self, of: Followed, obeyed: messages.Obeyed) -> None:
        self._roll_at = 0.0
        if obeyed.order != "retry":
            return
        of.is_retried = False
        if obeyed.done and not of.view.busy:
            self._unheard.discard(of.view.job_id)
            of.view.begin_again()

    def _receive_unheard(self, job_id: str) -> None:
        """A cancel did not reach the server; meanwhile the job may have been tried again."""
        found = self.find(job_id)
        if found is None or not (found.view.busy or found.is_retried):
            self._unheard.add(job_id)
