"""`python -m tests.gui [SCENARIO ...]`: Blender in a real window, driven by real clicks; pictures go to out/gui.

Each file in scenarios/ is one promise, played in a Blender of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.gui.engine import engine, own_server
from tests.gui.real_server import RealServer
from tests.gui.root import enter_root
from tests.gui.window import INSIDE, OUT, Window, install

HERE = Path(__file__).parent
# A busy machine takes a quarter of an hour for what a quiet one does in one minute.
LIMIT = 1800.0
# Needs all packages of the server.
SETS_UP = "set_up_leads_from_nothing_to_an_object"
# Needs a Python that runs there.
STARTS_A_SERVER = "two_blenders_share_one_server"


def main(wanted: list[str]) -> int:
    root = enter_root("tests.gui", wanted)
    OUT.mkdir(parents=True, exist_ok=True)
    failed = []
    with tempfile.TemporaryDirectory(prefix="window-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shared, known = engine(root, folder)
        beside, runs = own_server(root)
        with RealServer(folder, OUT) as server, Window(root, folder, OUT, [*shared, *beside]) as window:
            for scenario in wanted or sorted(path.stem for path in (HERE / "scenarios").glob("*.py")):
                if scenario == SETS_UP and not known:
                    print("left out the set-up: MSD_SETUP_WHEELS names no folder of packages (see `make test-gui`)")
                    continue
                if scenario == STARTS_A_SERVER and not runs:
                    print(f"left out {scenario}: this Python does not run in the window's Debian")
                    continue
                user = install(folder / scenario)
                if not play(window, scenario, user, server.environment() | known | runs):
                    failed.append(scenario)
    print(f"Pictures: {OUT}")
    return 1 if failed else 0


def play(window: Window, scenario: str, user: Path, known: dict[str, str]) -> bool:
    """Play one scenario and print what it measured; whether it came to its end."""
    began = time.monotonic()
    status = window.run_blender(
        scenario,
        INSIDE / "play.py",
        scenario,
        str(OUT),
        user=user,
        limit=LIMIT,
        **known,
    )
    seconds = time.monotonic() - began
    said = scenario.replace("_", " ")
    if status:
        log = (OUT / f"{scenario}.log").read_text(encoding="utf-8", errors="replace")
        print(f"FAILED   {said} ({seconds:.0f} s, status {status})\n{log}", flush=True)
        return False
    measures = json.loads((OUT / f"{scenario}.json").read_text(encoding="utf-8"))
    print(f"kept     {said} ({seconds:.0f} s)")
    print(f"         longest turn of {measures['turns']}: {measures['longest_turn']:.1f} ms")
    for clock, own, what in measures["costliest_turns"]:
        print(f"         {clock:.1f} ms, {own:.1f} of its own: {what}")
    for panel, (count, median, longest) in measures["drawings"].items():
        print(f"         {panel}: {count} drawings, {median:.2f} ms in the median, {longest:.2f} at most", flush=True)
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
