"""Another person's Blender beside this one, at a screen of its own; see another_blender.py."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import bpy


class Another:
    """Args:
    prompt: of the job that it begins.
    on_quit: what becomes of that when it quits, "GO_ON" or "STOP".
    steps: of that job.
    """

    def __init__(self, prompt: str, on_quit: str, steps: int) -> None:
        self._folder = Path(tempfile.mkdtemp())
        script = Path(__file__).with_name("another_blender.py")
        command = [bpy.app.binary_path, "--factory-startup", "-noaudio", "--window-geometry", "0", "0", "900", "700"]
        command += ["--python-use-system-env", "--python-exit-code", "7", "--python", str(script), "--"]
        self.process = subprocess.Popen(
            [*command, prompt, on_quit, str(steps), str(self._folder)],
            env=os.environ | {"DISPLAY": os.environ["DISPLAY"] + ".1"},
        )

    @property
    def job_id(self) -> str:
        """Empty until its job forms."""
        assert self.process.poll() is None, f"it ended with {self.process.returncode}"
        file = self._folder / "job"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def let_quit(self) -> None:
        (self._folder / "go").touch()

    @property
    def is_gone(self) -> bool:
        return self.process.poll() is not None
