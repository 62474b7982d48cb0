"""What the set-up in the window builds upon: a Python beside Blender's, and packages that were fetched before."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Of Debian itself; what lies there fits no other Debian.
SYSTEM = Path("/usr")


def python_folder() -> Path:
    """Where the Python of these tests keeps all that it consists of."""
    return Path(sys.base_prefix)


def engine(root: Path, home: Path) -> tuple[list[Path], dict[str, str]]:
    """What a window below `root` has to share for a set-up, and what its scenario has to know; nothing where there is
    nothing to set up from.

    Args:
        home: the artist's home folder, where the Python is picked.
    """
    named = os.environ.get("MSD_SETUP_WHEELS", "")
    if not named or (python_folder() == SYSTEM and root != Path("/")):
        return [], {}
    wheels = Path(named).resolve()
    (home / "Python").symlink_to(python_folder())
    program = home / "Python" / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return [wheels, python_folder()], {"SETUP_WHEELS": str(wheels), "SETUP_PYTHON": str(program)}
