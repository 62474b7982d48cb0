"""`python -m server COMMAND`, and `blender-msd COMMAND` where the package is installed."""

from __future__ import annotations

from server.commands.main import main
from server.console import prepare_console


def run() -> int:
    """Run the command that this process was started with. Returns its exit code."""
    prepare_console()
    return main()


if __name__ == "__main__":
    raise SystemExit(run())
