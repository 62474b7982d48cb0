"""The true engine, from the packages that `make test-setup` fetched; without them there is nothing to try."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from blender_msd.core.setup.locks import read_lock
from blender_msd.core.setup.machine import system_name
from blender_msd.core.setup.state import setup_state
from blender_msd.core.setup.survey import survey

ROOT = Path(__file__).parents[2]
WHEELS = os.environ.get("MSD_SETUP_WHEELS", "")
LOCK = ROOT / "server" / "locks" / f"{system_name()}-cpu.txt"


@pytest.mark.skipif(not WHEELS, reason="MSD_SETUP_WHEELS names no folder: see `make test-setup`")
def test_the_true_engine_is_set_up_makes_a_sketch_and_tells_how_long_the_presets_take(tmp_path: Path) -> None:
    root = tmp_path / "Zoë's größe" / "env"
    command = [sys.executable, "-m", "blender_msd.core.setup.runner", "set-up", "--home", str(ROOT)]
    command += ["--root", str(root), "--version", "1.0.0", "--lock", str(LOCK), "--offline", WHEELS]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as run:
        assert run.stdout is not None
        events = [json.loads(line) for line in run.stdout]
    assert events[-1]["event"] == "done", events[-1]
    assert {event["stage"] for event in events[:-1]} >= {1, 2, 3, 4, 5}
    state = setup_state("1.0.0", [read_lock(LOCK).digest], survey(root))
    assert state.kind == "ready"
    for kind in ("mesh", "texture"):
        times = state.times[kind]
        assert 0 < times["sketch"] < times["standard"] < times["fine"]
    print(f"presets: {state.times}")
