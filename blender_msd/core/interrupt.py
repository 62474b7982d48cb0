"""A stop signal that also wakes a thread which is waiting for the network."""

from __future__ import annotations

import contextlib
import socket
import threading

from .errors import Interrupted


class Interrupt:
    """Set once, from any thread; a blocked read on the watched socket returns at once. What is set later changes
    nothing: the thread may be on its way out, and whoever let go of it first may have told the server already.

    Attributes:
        leaves: whether what was begun on a server shall go on there.
    """

    def __init__(self) -> None:
        self.leaves = False
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def set(self, leave: bool = False) -> None:
        with self._lock:
            if not self._event.is_set():
                self.leaves = leave
            self._event.set()
            if self._socket is not None:
                _shut_down(self._socket)

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Interrupted: as soon as the signal is set.
        """
        if self._event.wait(seconds):
            raise Interrupted

    def watch(self, connection: socket.socket | None) -> None:
        """Shut `connection` down when the signal is set; None watches nothing."""
        with self._lock:
            self._socket = connection
            if connection is not None and self._event.is_set():
                _shut_down(connection)


def _shut_down(connection: socket.socket) -> None:
    # It may have been closed by the other side in the same moment.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
