"""What one client may take of the server, each with its name. What is over a limit is refused and says which one."""

from __future__ import annotations

import sys

# Each is a descriptor. One that waits for nothing makes room for a new one.
MOST_CONNECTIONS = 256
# Connections that the system completes before the server looks at them.
BACKLOG = 32
# For the server's own files, pipes and listeners, and for what is in the backlog.
DESCRIPTORS_KEPT_BACK = 32 + BACKLOG
LEAST_CONNECTIONS = 8

# From a connection, or from the first byte of another request on it, to the end of that request's headers.
HEADER_SECONDS = 10.0
BODY_SECONDS = 20.0
# A client that takes nothing of its answer for so long has gone.
STALLED_SECONDS = 30.0
# How long what a refused client still sends is read and thrown away, so that it sees the refusal.
LINGER_SECONDS = 1.0

MOST_HEADER_BYTES = 16 * 1024
# A recipe is about a thousand bytes.
MOST_BODY_BYTES = 100_000

MOST_STREAMS = 128
# Each event is one write a stream. A stream more makes all of them this much rarer, so that many readers cost a job
# no more than a few.
PAUSE_A_STREAM = 0.001
# Of one stream whose reader is slow; then it ends, and the reader may come back for the rest.
MOST_EVENTS_WAITING = 1000

MOST_QUEUED = 1000
MOST_JOBS_A_PAGE = 500
MOST_SEEDS = 100
MOST_LINES = 1000


def most_connections() -> int:
    """As many as the system's limit on descriptors leaves room for."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return min(MOST_CONNECTIONS, max(LEAST_CONNECTIONS, descriptors - DESCRIPTORS_KEPT_BACK))
