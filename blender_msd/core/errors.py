"""Every error a person can meet in Blender: a stable code, what happened, and what to press."""

from __future__ import annotations

from dataclasses import dataclass

from .remedies import REMEDIES, UNKNOWN, Button


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
        button: what helps; None when nothing can be pressed.
    """

    headline: str
    lines: tuple[str, ...]
    button: Button | None = None

    @property
    def operator(self) -> str:
        """Of its button; empty without one."""
        return "" if self.button is None else self.button.operator


def explain(problem: Problem) -> Explanation:
    """Words and a button for the panel."""
    headline, button = REMEDIES.get(problem.code, (UNKNOWN, None))
    lines = tuple(line for line in (problem.message, problem.hint) if line)
    return Explanation(headline, lines, button)
