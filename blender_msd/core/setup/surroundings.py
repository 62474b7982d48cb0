"""How programs are started here: their environment variables, and what they answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

# What Blender's interpreter was started with, and where a person's own pip settings would put packages.
_NOT_PASSED_ON = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONSAFEPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
_NOT_PASSED_ON |= {"PIP_REQUIRE_VIRTUALENV", "PIP_PROGRESS_BAR", "PIP_QUIET", "PIP_VERBOSE", "VIRTUAL_ENV"}
# Windows would open a console for each.
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def answer_of(command: Sequence[str], patience: float, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a program says that is asked one thing, without a window and without us around it.

    Raises:
        OSError, subprocess.TimeoutExpired: after `patience` seconds.
    """
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=patience,
        check=False,
        encoding="utf-8",
        errors="replace",
        creationflags=NO_WINDOW,
    )


def clean_environment(scratch: Path | None = None) -> dict[str, str]:
    """Ours, without what would lead another Python astray; addresses, proxies and certificates of pip's are kept.

    Args:
        scratch: a folder for temporary files.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    environment |= {"PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    environment |= {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if scratch is not None:
        environment |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    return environment
