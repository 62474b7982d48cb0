"""What a person sees of a process: stdout and stderr that never cost a result."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TextIO


def prepare_console() -> None:
    """Make stdout and stderr bear what may happen to them; for programs, before anything is printed.

    A character that the console has not becomes another one. A stream that was closed leads nowhere. On stdout a
    reader who has seen enough (`| head`) is no error, on stderr nothing is: a progress bar must not cost a job.
    """
    _occupy_closed_streams()
    sys.stdout = _Bearing(_open(sys.stdout, 1), BrokenPipeError)
    sys.stderr = _Bearing(_open(sys.stderr, 2), OSError)


def as_text(argument: str) -> str:
    """A type for argparse: words in UTF-8, in whatever locale Python read them.

    Raises:
        argparse.ArgumentTypeError
    """
    try:
        argument.encode()
        return argument
    except UnicodeEncodeError:
        pass
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        raise argparse.ArgumentTypeError(f"{argument!r} is not text in UTF-8") from None


def silence(stream: TextIO) -> None:
    """What is written to the stream from here on, and what it still holds, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def keep_stdout_for_answers() -> TextIO:
    """stdout, for a process whose parent reads it: whatever else is printed, by Python or by a native library, goes to
    stderr from here on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return answers


class _Bearing(io.TextIOWrapper):
    """A console stream that is silent from the first error of the kind `borne`."""

    def __init__(self, stream: TextIO, borne: type[OSError]) -> None:
        super().__init__(
            stream.detach(),  # type: ignore[attr-defined]
            encoding=stream.encoding,
            errors="replace",
            line_buffering=bool(stream.line_buffering),
            write_through=bool(getattr(stream, "write_through", False)),
        )
        self._borne = borne

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except self._borne:
            silence(self)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except self._borne:
            silence(self)
            super().flush()


def _occupy_closed_streams() -> None:
    """The next file that is opened would get the number of a closed stream, and be written into by others."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _open(stream: TextIO | None, number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", closefd=False) if stream is None else stream
