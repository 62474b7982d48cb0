"""Every error a person can meet in Blender: a stable code, what happened, and what to press."""

from __future__ import annotations

from dataclasses import dataclass


class Problem(Exception):
    """Something a person can act on; the server sends the same three fields.

    Args:
        code: stable, lower-case, dash-separated name; programs compare this.
        message: one line, what happened.
        hint: one line, what to do about it; may be empty.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code = code
        self.message = message
        self.hint = hint


def mistake(error: Exception) -> Problem:
    """An error that nobody foresaw, as a problem."""
    hint = "Copy the report and send it to the developers."
    return Problem("add-on-error", f"The add-on made a mistake: {error!r}.", hint)


def reason(error: OSError) -> str:
    """Why the system refused, without the path and the number."""
    return error.strerror or str(error)


class Interrupted(Exception):
    """The work was told to stop; nobody needs to hear about it."""


@dataclass(frozen=True)
class Explanation:
    """A problem as the panel shows it.

    Attributes:
        headline: a few words.
        lines: whole sentences, what happened and what to do.
        operator, label: the button that helps; both empty when there is none.
    """

    headline: str
    lines: tuple[str, ...]
    operator: str = ""
    label: str = ""


_PREFERENCES = ("msd.open_preferences", "Open Preferences")
_START = ("msd.start_server", "Start the server")
_NO_BUTTON = ("", "")

# code -> (headline, (operator, label of its button)); codes that are not here use the headline below.
_HEADLINES: dict[str, tuple[str, tuple[str, str]]] = {
    "server-not-set-up": ("The server is not set up", _PREFERENCES),
    "server-python-missing": ("The server's Python was not found", _PREFERENCES),
    "server-did-not-start": ("The server did not start", _PREFERENCES),
    "server-slow": ("The server does not answer yet", ("msd.start_server", "Go On Waiting")),
    "server-file-unusable": ("The server's file cannot be used", _NO_BUTTON),
    "data-folder-unusable": ("The server's folder cannot be used", _NO_BUTTON),
    "server-stopped": ("The server stopped unexpectedly", _START),
    "server-lost": ("The server does not answer", _START),
    "server-incompatible": ("Add-on and server do not match", _PREFERENCES),
    "not-our-server": ("Something else answers at this address", _PREFERENCES),
    "address-unreadable": ("The server's address cannot be read", _PREFERENCES),
    "token-wrong": ("The server refused the token", _PREFERENCES),
    "online-access-off": ("Online access is off", _PREFERENCES),
    "prompt-empty": ("The prompt is empty", _NO_BUTTON),
    "prompt-unreadable": ("The prompt was not understood", _NO_BUTTON),
    "preset-unknown": ("There is no such preset", _NO_BUTTON),
    "prompt-too-long": ("The prompt is too long", _NO_BUTTON),
    "value-out-of-range": ("A number is out of range", _NO_BUTTON),
    "choice-unknown": ("A choice is not there any more", _NO_BUTTON),
    "path-unreadable": ("The path was not understood", _NO_BUTTON),
    "path-relative": ("The path leads nowhere yet", _NO_BUTTON),
    "bandwidth-grows": ("The bandwidth may only shrink", _NO_BUTTON),
    "interval-empty": ("The kernel would act nowhere", _NO_BUTTON),
    "job-running": ("A job is already running", _NO_BUTTON),
    "mesh-damaged": ("The mesh arrived damaged", _NO_BUTTON),
    "image-damaged": ("The picture arrived damaged", _NO_BUTTON),
    "result-not-saved": ("The result could not be saved", _NO_BUTTON),
}


def explain(problem: Problem) -> Explanation:
    """Words and a button for the panel."""
    headline, (operator, label) = _HEADLINES.get(problem.code, ("That did not work", _NO_BUTTON))
    lines = tuple(line for line in (problem.message, problem.hint) if line)
    return Explanation(headline, lines, operator, label)
