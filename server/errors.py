"""Every error a person can meet, as one type: what happened, what to do, and a stable code."""

from __future__ import annotations

import errno
import os
from pathlib import Path


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

    @property
    def headline(self) -> str:
        """The code, as people read it: "Prompt unreadable"."""
        return self.code.replace("-", " ").capitalize()

    def as_json(self) -> dict[str, str]:
        """The one form in which errors leave a process: in answers over HTTP, in events, and after --json."""
        return {"code": self.code, "headline": self.headline, "detail": self.message, "next": self.hint}


class BadRequest(Problem):
    """The request itself is wrong (CLI exit code 2, HTTP 422): nothing was started."""

    exit_code = 2


class JobFailed(Problem):
    """A job started and could not finish (CLI exit code 1)."""


class Cancelled(Exception):
    """The user asked a running job to stop and throw its result away."""


# A limit on the size of files is met like the end of a disk.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def disk_problem(
    error: OSError,
    code: str = "file-unusable",
    safe: str = "",
    refusal: bool = False,
    file: Path | None = None,
) -> Problem:
    """What the system said about a file, for people.

    Args:
        code: of the problem; "disk-full" when that is what it is.
        safe: what is not lost, where it is and how to get it, in a sentence.
        refusal: whether nothing was started yet (BadRequest); otherwise a job failed.
        file: what the person called it; None: what the system named.
    """
    named = file if file is not None else error.filename
    reason = os.strerror(error.errno) if error.errno is not None else str(error) or "unknown error"
    full = error.errno in FULL
    hints = ["Make room on the disk, or use another one." if full else "", safe]
    if refusal and not full:
        hints.append("Name another file or folder.")
    said = f"{reason}." if named is None else f"{os.fsdecode(named)} cannot be used: {reason}."
    kind = BadRequest if refusal else JobFailed
    return kind("disk-full" if full else code, said, " ".join(filter(None, hints)))
