"""The root folder that holds the window, and a place of this process's own for what is mounted into it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.gui.window import HERE

CANNOT = 3


def enter_root(module: str, arguments: Sequence[str]) -> Path:
    """Have it built. The process begins again as `python -m module arguments`, with mounts that vanish with it.

    Raises:
        SystemExit: it cannot be built; with 0 where no window can be had at all, which is said then.
    """
    built = subprocess.run([HERE / "build_window.sh"], stdout=subprocess.PIPE, encoding="utf-8")
    if built.returncode == CANNOT:
        print("The window was not tested.")
        raise SystemExit(0)
    if built.returncode:
        raise SystemExit(built.returncode)
    root = Path(built.stdout.strip())
    if root != Path("/") and not os.environ.get("OWN_MOUNTS"):
        os.environ["OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", module, *arguments])
    return root
