"""How clients find the server: `server.json` in its data folder, and a lock so that a folder has one server."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from types import TracebackType

from server import __version__
from server.api import API_VERSION
from server.errors import Problem
from server.files import write_bytes

# The lock is on a byte far behind the text, because Windows hides locked bytes from other readers.
_LOCKED_BYTE = 1 << 20


class DataFolderLock:
    """Holds a data folder for this process; the system lets go of it however the process ends.

    Raises:
        Problem: "server-already-running", naming the other server's process id, or "data-folder-unusable".
    """

    def __init__(self, data_dir: Path) -> None:
        try:
            data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Prompts and pictures are nobody else's, in a folder that was there already, too.
            if os.name == "posix" and data_dir.stat().st_mode & 0o077:
                data_dir.chmod(0o700)
            self._fd = os.open(data_dir / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            hint = "Choose a folder that can be written to."
            raise Problem("data-folder-unusable", f"{data_dir}: {error.strerror}.", hint) from None
        try:
            lock_byte(self._fd)
        except OSError:
            pid = os.read(self._fd, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise Problem(
                "server-already-running",
                f"A server with process id {pid} already uses {data_dir}.",
                "Use that one (its address is in server.json), stop it, or choose another --data-dir.",
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def __enter__(self) -> DataFolderLock:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.close(self._fd)


def lock_byte(fd: int) -> None:
    """Hold an open file until it is closed, or this process ends. Raises OSError: another process holds it."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        os.lseek(fd, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_server_file(data_dir: Path, scheme: str, host: str, port: int, token: str) -> None:
    """Write `server.json`, readable by its owner only, seen either whole or not at all."""
    said = {
        "pid": os.getpid(),
        "scheme": scheme,
        "host": host,
        "port": port,
        "token": token,
        "version": __version__,
        "api": API_VERSION,
    }
    write_bytes(data_dir / "server.json", json.dumps(said).encode(), mode=0o600)


def remove_server_file(data_dir: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        (data_dir / "server.json").unlink()
