"""Environment variables for programs that are started here."""

from __future__ import annotations

import os
from pathlib import Path

# What Blender's interpreter was started with, and where a person's own pip settings would put packages.
_NOT_PASSED_ON = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONSAFEPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
_NOT_PASSED_ON |= {"PIP_REQUIRE_VIRTUALENV", "PIP_PROGRESS_BAR", "PIP_QUIET", "PIP_VERBOSE", "VIRTUAL_ENV"}


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
