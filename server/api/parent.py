"""Notices when the program that started the server is gone."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from collections.abc import Callable

_LOOK_EVERY_S = 1.0


def watch_parent(pid: int, on_gone: Callable[[], None]) -> None:
    """Call `on_gone`, from a thread, when process `pid` has ended, or has closed our stdin if that is a pipe."""
    threading.Thread(target=_wait_for_end_of, args=[pid, on_gone], name="parent", daemon=True).start()
    if sys.stdin is not None and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_wait_for_end_of_stdin, args=[on_gone], name="stdin", daemon=True).start()


def _wait_for_end_of(pid: int, on_gone: Callable[[], None]) -> None:
    # A child sees its parent's end in its own parent id; that also holds while the dead parent is unreaped.
    is_our_parent = os.getppid() == pid
    while (os.getppid() == pid) if is_our_parent else is_running(pid):
        time.sleep(_LOOK_EVERY_S)
    on_gone()


def _wait_for_end_of_stdin(on_gone: Callable[[], None]) -> None:
    # The descriptor itself: a thread inside sys.stdin.read would hold a lock that the interpreter's exit needs.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    on_gone()


def is_running(pid: int) -> bool:
    """Whether a process with this id exists."""
    if sys.platform == "win32":
        import ctypes

        synchronize, wait_timeout = 0x00100000, 0x102
        handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
        if not handle:
            return False
        running: bool = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == wait_timeout
        ctypes.windll.kernel32.CloseHandle(handle)
        return running
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
