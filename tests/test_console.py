"""What happens to stdout and stderr costs no result, and ends in no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
# Not understood by the prior, and named in a warning.
PROMPT = "red bricks 砖"
TEXTURE = ["texture", PROMPT, "--steps", "2", "--size", "32", "--render-size", "16", "--prior", "embedded"]


def run(redirection: str, out: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a shell that treats its streams as `redirection` says ("> /dev/full")."""
    command = [sys.executable, "-m", "server", *arguments, "--out", str(out)]
    script = f'set -o pipefail; "$@" {redirection}'
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "", **environment}
    shell = ["bash", "-c", script, "bash", *command]
    return subprocess.run(shell, cwd=ROOT, env=settings, capture_output=True, timeout=300, check=False)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["cp1252", "ascii", "C"],
)
def test_a_console_that_lacks_a_character_prints_another(environment: dict[str, str], tmp_path: Path) -> None:
    done = run("", tmp_path / "made.png", *TEXTURE, **environment)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert b"prompt: red bricks ?" in done.stdout
    assert b'does not know "?"' in done.stderr
    assert PROMPT in Image.open(tmp_path / "made.png").text["recipe"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&- <&-", "2>/dev/full", "| true", "2> >(true)"])
def test_streams_that_are_closed_or_full_end_silently_with_the_result(redirection: str, tmp_path: Path) -> None:
    done = run(redirection, tmp_path / "made.png", *TEXTURE)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert Image.open(tmp_path / "made.png").size == (32, 32)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_that_cannot_be_printed_is_an_error_in_one_line(unbuffered: str, tmp_path: Path) -> None:
    command = ["lab", "field", "--at", "0,0"]
    done = subprocess.run(
        ["bash", "-c", '"$@" > /dev/full', "bash", sys.executable, "-m", "server", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert b"No space left" in done.stderr
