"""What SQLite and the system say when the list of jobs cannot be used, for people."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from server.errors import FULL, Problem

_SAFE = "Finished results are safe in the data folder."
# A limit on the size of files is met like the end of a disk, here too; SQLite knows only that it could not write.
_FULL = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT}
_FORBIDDEN = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}


class StoreFault(Problem):
    """The list of jobs cannot be read or written now.

    Attributes:
        status: of the HTTP answer.
    """

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(code, message, hint)
        self.status = status


def store_problem(error: sqlite3.Error | OSError, path: Path) -> StoreFault:
    """The one reading of every error about the list of jobs.

    Args:
        path: of the list.

    Returns:
        "disk-full": ends of jobs are kept in memory and written when there is room. "store-busy": another program holds
        the list; nothing is lost. "store-broken": it is damaged, gone, or may not be written.
    """
    if isinstance(error, OSError):
        return _from_system(error, path)
    # Errors that come from Python have no code of SQLite's.
    extended = getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT
    primary = extended & 0xFF
    if primary == sqlite3.SQLITE_FULL or extended in _FULL:
        return _full(path)
    if primary in _BUSY:
        return _busy(path)
    if primary in _FORBIDDEN:
        return _forbidden(path, str(error))
    return damaged(path, str(error))


def gone(path: Path) -> StoreFault:
    """The file that is open is not the one at its path any more."""
    message = f"The list of jobs {path} was removed while the server ran."
    hint = "Start the server again. What was in the folder is lost unless it was only moved; put it back first then."
    return StoreFault(503, "store-broken", message, hint)


def damaged(path: Path, how: str) -> StoreFault:
    hint = f"Stop the server and move the file away to start with an empty list, or use another data folder. {_SAFE}"
    return StoreFault(503, "store-broken", f"The list of jobs {path} cannot be read: {how}.", hint)


def _from_system(error: OSError, path: Path) -> StoreFault:
    if error.errno in FULL:
        return _full(path)
    if isinstance(error, FileNotFoundError):
        return gone(path)
    return _forbidden(path, os.strerror(error.errno) if error.errno else str(error))


def _full(path: Path) -> StoreFault:
    hint = f"Make room on its disk; whatever waits to be written is written then, by itself. {_SAFE}"
    return StoreFault(507, "disk-full", f"There is no room left for the list of jobs {path}.", hint)


def _busy(path: Path) -> StoreFault:
    hint = "Close what else has the file open, then ask again. Nothing is lost: jobs go on."
    return StoreFault(503, "store-busy", f"Another program holds the list of jobs {path}.", hint)


def _forbidden(path: Path, how: str) -> StoreFault:
    hint = f"See that the server may write into that folder. {_SAFE}"
    return StoreFault(503, "store-broken", f"The list of jobs {path} cannot be written: {how}.", hint)
