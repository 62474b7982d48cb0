"""The server's log: `logs/server.log` in its data folder, line by line with the job that a line is about.

It holds what happened to which job, and no prompt. The token is never in it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from server.jobs.faults import store_problem

NAME = "server.log"
MOST_BYTES = 1_000_000
OLDER_FILES = 3
MOST_LINE = 1000
_FORMAT = "%(asctime)s %(levelname)-7s job=%(job)s %(message)s"


class _Quiet(RotatingFileHandler):
    """A log that cannot be written, on a full disk for instance, harms nobody."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class _OneLine(logging.Formatter):
    """Each record on one line, without the token."""

    def __init__(self, token: str) -> None:
        super().__init__(_FORMAT, defaults={"job": "-"})
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        line = " ".join(super().format(record).split("\n"))
        return line.replace(self._token, "TOKEN")[:MOST_LINE]


@contextmanager
def written_log(data_dir: Path, token: str) -> Iterator[None]:
    """Write what the server says of itself into the log while the block lasts. Raises StoreFault."""
    file = data_dir / "logs" / NAME
    try:
        file.parent.mkdir(exist_ok=True)
        handler = _Quiet(file, maxBytes=MOST_BYTES, backupCount=OLDER_FILES, encoding="utf-8")
    except OSError as error:
        raise store_problem(error, data_dir) from None
    handler.setFormatter(_OneLine(token))
    logger = logging.getLogger("server")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        # What could not be written is tried once more, and fails once more.
        with contextlib.suppress(OSError):
            handler.close()


def last_lines(data_dir: Path, limit: int, skipped: int) -> tuple[list[str], bool]:
    """Lines of the log, oldest first: the newest `limit` of those before the newest `skipped`; and whether there are
    older ones. What is gone, or is no text, is left out."""
    lines: list[str] = []
    for number in range(OLDER_FILES + 1):
        if len(lines) > limit + skipped:
            break
        file = data_dir / "logs" / (NAME if number == 0 else f"{NAME}.{number}")
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines() + lines
        except OSError:
            break
    end = len(lines) - skipped
    return lines[max(0, end - limit) : max(0, end)], end > limit
