"""The worker as a process: a clean protocol, and no worker without its parent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start_worker(device: str = "cpu", **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "server.jobs.worker", device]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_stray_output_never_reaches_the_protocol(tmp_path: Path) -> None:
    # A library that writes at import, by print and straight to descriptor 1, as native code does.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os\n"
        "class Noisy:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            print('noise by print', flush=True); os.write(1, b'noise by write\\n')\n"
        "sys.meta_path.insert(0, Noisy())\n",
        encoding="utf-8",
    )
    worker = start_worker(env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"})
    recipe = {"kind": "texture", "prompt": "no such thing"}
    folders = {name: str(tmp_path / name) for name in ("folder", "unfinished", "given")}
    worker.stdin.write(json.dumps({"order": "make", "job": "j", "task": "make", "recipe": recipe, **folders}) + "\n")
    worker.stdin.flush()
    answers = [json.loads(worker.stdout.readline())]
    while answers[-1]["answer"] not in ("failed", "done"):
        answers.append(json.loads(worker.stdout.readline()))
    rest, noise = worker.communicate()
    assert answers[0]["answer"] == "ready"
    assert answers[-1]["error"]["code"] == "prompt-unreadable"
    assert rest == ""
    assert "noise by print" in noise
    assert "noise by write" in noise


@pytest.mark.parametrize("arguments", [[], ["quantum"], ["cuda:99999999999999999999"], ["cpu", "--fast"], ["-1"]])
def test_a_worker_started_by_hand_with_wrong_arguments_says_so_in_one_line(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "server.jobs.worker", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, encoding="utf-8"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_the_worker_leaves_at_the_end_of_its_input() -> None:
    worker = start_worker()
    worker.stdin.close()
    assert worker.wait(30) == 0


def test_the_worker_dies_with_its_parent() -> None:
    # The input stays open, held by this process, so only the parent's death can end the worker.
    read_end, write_end = os.pipe()
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            f"worker = subprocess.Popen([sys.executable, '-m', 'server.jobs.worker', 'cpu'], stdin={read_end},"
            " stdout=subprocess.PIPE)\n"
            "worker.stdout.readline()\n"
            "print('ready', flush=True)\n"
            "time.sleep(600)\n",
        ],
        cwd=ROOT,
        pass_fds=[read_end],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(read_end)
    assert parent.stdout is not None
    assert parent.stderr is not None
    assert parent.stdout.readline() == b"ready\n"
    parent.kill()
    # Both share this pipe: it ends when the worker is gone too.
    assert parent.stderr.read() == b""
    os.close(write_end)
    parent.communicate()


def test_a_device_that_is_not_there_is_named() -> None:
    worker = start_worker("cuda", env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    said = worker.stderr.read()
    assert worker.wait() == 1
    assert worker.stdout.read() == ""
    assert said.startswith("torch cannot use cuda here.")
