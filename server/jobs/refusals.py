"""Why the list of jobs refuses something; each is a status of its own over HTTP."""

from __future__ import annotations

from server.errors import Problem


class NoSuchJob(Problem):
    """HTTP 404."""

    def __init__(self, job_id: str) -> None:
        super().__init__("job-unknown", f"There is no job {job_id[:40]!r}.", "It may have been deleted; list the jobs.")


class QueueFull(Problem):
    """No more jobs may be queued (HTTP 429)."""


class Conflict(Problem):
    """The job is not in a state that allows this (HTTP 409)."""
