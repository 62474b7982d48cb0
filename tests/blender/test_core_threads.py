"""Blender, unlike Python, lets SIGPIPE end the program; the add-on's threads must survive it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

# A process with Blender's signal settings writes to a connection that the other side has closed.
WRITE_TO_A_CLOSED_CONNECTION = """
import signal, socket, sys
from blender_msd.core.threads import network_thread
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
here, there = socket.socketpair()
there.close()
def write():
    try:
        here.sendall(b"hello")
    except BrokenPipeError:
        print("survived", flush=True)
if sys.argv[1] == "guarded":
    thread = network_thread(write, "msd-test")
    thread.start()
    thread.join()
else:
    write()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGPIPE")
@pytest.mark.parametrize(("how", "said"), [("guarded", "survived\n"), ("bare", "")])
def test_a_closed_connection_does_not_end_blender(how, said):
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TO_A_CLOSED_CONNECTION, how],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        encoding="utf-8",
    )
    assert done.stdout == said, done.stderr
