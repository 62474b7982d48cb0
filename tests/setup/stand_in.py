"""A small engine to set up: real wheels with real hashes, a lock of them, and a server of a page that needs them.

All else is real: the runner's process, the environment, pip. Nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

# Fails when told to by a file beside it, and takes a moment, so that it can be interrupted.
SERVER = """
import json, pathlib, sys, time
import engine_core, engine_parts.deep
time.sleep(0.4)
here = pathlib.Path(__file__).parent
if sys.argv[1] == "priors":
    said = {"priors": [{"name": "embedded", "usable": True}]}
elif sys.argv[1] == "doctor":
    said = {"problems": []}
elif (here / "fails").exists():
    print(json.dumps({"error": {"code": "out-of-memory", "detail": "Memory ran out.", "next": "Close programs."}}))
    raise SystemExit(1)
else:
    out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
    out.mkdir(parents=True)
    (out / "mesh.glb").write_bytes(b"mesh")
    said = {"times": {"mesh": {"sketch": 1.5}, "texture": {"sketch": 0.5}}}
print("a bar |", file=sys.stderr)
print(json.dumps(said))
"""


class StandIn:
    """A folder with wheels, a lock, a home with the server, and the folder of environments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels, self.home, self.root = folder / "whéels", folder / "höme", folder / "user folder" / "env"
        (self.home / "server").mkdir(parents=True)
        (self.home / "server" / "__main__.py").write_text(SERVER, encoding="utf-8")
        self.wheels.mkdir()
        self.lock = folder / "linux-x86_64-cpu.txt"
        files = {f"engine_parts/part_{number}.py": b"x = 1\n" for number in range(150)}
        wheel(self.wheels, "engine-core", "1.0", {"engine_core.py": b"answer = 42\n", "engine.bin": bytes(4_000_000)})
        wheel(self.wheels, "Engine.Parts", "2.5", files | {"engine_parts/deep.py": b"# \xc3\xa9\n"})
        self.write_lock()

    def write_lock(self, installed: int = 5_000_000, more: str = "") -> None:
        lines = [f"# pythons: {sys.version_info[0]}.{sys.version_info[1]}", "# download: 50000 bytes"]
        lines += [f"# installed: {installed} bytes{more}"]
        for path in sorted(self.wheels.glob("*.whl")):
            name, version = path.name.split("-")[:2]
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines += [f"# {path.stat().st_size} bytes", f"{name}=={version} --hash=sha256:{digest}"]
        self.lock.write_text("\n".join([*lines, ""]), encoding="utf-8")

    def start(self, task: str = "set-up", version: str = "1.0.0", **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "blender_msd.core.setup.runner", task, "--home", str(self.home)]
        command += ["--root", str(self.root), "--version", version, "--lock", str(self.lock)]
        command += ["--offline", str(self.wheels)]
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", **more
        )

    def run(self, task: str = "set-up", version: str = "1.0.0", **more: Any) -> dict[str, Any]:
        """To its end. Returns the last event."""
        process = self.start(task, version, **more)
        assert process.stdout is not None
        events = [json.loads(line) for line in process.stdout]
        process.wait()
        return events[-1]

    def kill_when(self, reached: Callable[[dict[str, Any]], bool], version: str = "1.0.0") -> None:
        """Kill -9 as soon as an event says so; there must be one."""
        process = self.start(version=version)
        assert process.stdout is not None
        for line in process.stdout:
            if reached(json.loads(line)):
                break
        else:
            raise AssertionError("it ended before")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """Build a pure wheel."""
    stem = f"{name.replace('-', '_').replace('.', '_').lower()}-{version}"
    info = f"{stem}.dist-info"
    facts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in (files | facts).items():
            archive.writestr(file, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{file},sha256={digest},{len(data)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return path


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)
