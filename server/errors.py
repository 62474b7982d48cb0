"""Every error a person can meet, as one type: what happened, what to do, and a stable code."""

from __future__ import annotations


class Problem(Exception):
    """Something a person can act on.

    Args:
        code: stable, lower-case, dash-separated name ("prompt-unreadable"); programs compare this.
        message: one line, what happened.
        hint: one line, what to do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code = code
        self.message = message
        self.hint = hint

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message, "hint": self.hint}


class BadRequest(Problem):
    """The request itself is wrong (CLI exit code 2, HTTP 422): nothing was started."""

    exit_code = 2


class JobFailed(Problem):
    """A job started and could not finish (CLI exit code 1)."""


class Cancelled(Exception):
    """The user asked a running job to stop and throw its result away."""
