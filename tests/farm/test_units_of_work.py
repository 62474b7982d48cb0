"""What a farm may rely on, of every command that makes something: it goes on, it says that it lives, and its result is
there whole or not at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.commands import bars
from server.commands.main import main
from server.files import beside
from server.meshing.given import given_bytes
from server.studio.events import Progress
from tests.meshing.given_meshes import cube

ROOT = Path(__file__).parents[2]
PATIENCE_S = 600.0
CHEAP = ["--prior", "exact", "--steps", "150", "--render-size", "16"]


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    mesh = str(tmp_path / "cube.npz")
    Path(mesh).write_bytes(given_bytes(cube()))
    small = ["--texture-size", "64", "--faces", "200", "--resolution", "16"]
    return {
        "mesh": ["mesh", "a red cube", *CHEAP, *small, "--out", str(tmp_path / "cube.glb")],
        "texture": ["texture", "red bricks", *CHEAP, "--size", "32", "--out", str(tmp_path / "bricks.png")],
        "retexture": ["retexture", mesh, "a red cube", *CHEAP, "--size", "64", "--out", str(tmp_path / "cube.png")],
    }


@pytest.mark.parametrize("command", ["mesh", "texture", "retexture"])
def test_one_that_is_killed_leaves_no_half_result_and_goes_on_when_it_is_given_again(
    command: str, commands: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = commands[command]
    out = Path(arguments[-1])
    log = out.with_suffix(".log")
    with log.open("wb") as said:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen([sys.executable, "-m", "server", *arguments], cwd=ROOT, env=environment, stderr=said)
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and not any(beside(out, ".unfinished").glob("*.safetensors")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.wait()
    assert not out.exists()
    assert "\r" not in log.read_text(encoding="utf-8")  # which programs that read lines would never see
    assert main(arguments) == 0
    assert re.search(r"Going on from step [1-9]\d* of 150", capsys.readouterr().err)
    assert out.stat().st_size
    assert not beside(out, ".unfinished").exists()


def test_one_that_is_silent_says_in_a_log_that_it_lives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "EVERY_S", 0.01)
    said = ""
    with bars.ProgressBar() as bar:
        bar(Progress("Shaping", 0.5, 10, 20, 12.0))
        deadline = time.monotonic() + PATIENCE_S
        while said.count("Shaping 50%, about 12 s left\n") < 3:
            assert time.monotonic() < deadline
            said += capsys.readouterr().err


def test_a_log_gets_a_line_for_each_phase_and_not_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    with bars.ProgressBar() as bar:
        for step in range(1, 101):
            bar(Progress("Shaping", step / 200, step, 100))
        bar(Progress("Saving", 0.99))
    assert capsys.readouterr().err.splitlines() == ["Shaping 0%", "Saving 99%"]
