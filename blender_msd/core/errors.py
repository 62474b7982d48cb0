"""Every error a person can meet in Blender: a stable code, what happened, and what to press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .remedies import REMEDIES, UNKNOWN, Button


class Problem(Exception):
    """Something a person can act on.

    Args:
        code: stable, lower-case, dash-separated name; programs compare this.
        message: one line, what happened.
        hint: one line, what to do about it; may be empty.
        headline: a few words of the server's; empty for those of the add-on itself.
    """

    def __init__(self, code: str, message: str, hint: str = "", headline: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.code = code
        self.message = message
        self.hint = hint
        self.headline = headline

    @property
    def parts(self) -> tuple[str, str, str]:
        """Code, message and hint."""
        return self.code, self.message, self.hint


def read_problem(said: Mapping[str, Any]) -> Problem:
    """A problem as the server sends it: code, headline, detail, next."""
    code, headline, detail, what_next = (str(said.get(key, "")) for key in ("code", "headline", "detail", "next"))
    return Problem(code, detail, what_next, headline)


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
    headline, button = REMEDIES.get(problem.code, (problem.headline or UNKNOWN, None))
    lines = tuple(line for line in (problem.message, problem.hint) if line)
    return Explanation(headline, lines, button)
