"""A lock that the system takes back by itself from a process that ends, however it ends."""

from __future__ import annotations

import os


def lock_if_free(descriptor: int) -> bool:
    """Lock an open file until it is closed; False when another process, or another opening of it, has done so.

    Raises nothing: a system without locks says that it is not free.
    """
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
