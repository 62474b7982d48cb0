"""What Blender in the window starts beside itself: the server of these tests, and a set-up from packages that were
fetched before."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.gui.window import REPOSITORY

# Of Debian itself; what lies there fits no other Debian.
SYSTEM = Path("/usr")


def python_folder() -> Path:
    """Where the Python of these tests keeps all that it consists of."""
    return Path(sys.base_prefix)


def own_server(root: Path) -> tuple[list[Path], dict[str, str]]:
    """What a window below `root` has to share so that Blender itself can start a server, and the Python for it; nothing
    where that does not run there."""
    if python_folder() == SYSTEM and root != Path("/"):
        return [], {}
    environment = REPOSITORY / ".venv"
    # Outside of the repository where it is a link.
    elsewhere = [environment.resolve()] if environment.is_symlink() else []
    return [python_folder(), *elsewhere], {"SERVER_PYTHON": str(environment.resolve() / "bin" / "python")}


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
    return [wheels], {"SETUP_WHEELS": str(wheels), "SETUP_PYTHON": str(program)}
