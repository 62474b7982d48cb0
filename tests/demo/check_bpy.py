"""Can Blender's Python module be imported here? If a system library is missing, say which and how to install it."""

from __future__ import annotations

import re
import subprocess
import sys

APT = (
    "apt-get install --no-install-recommends libx11-6 libxrender1 libxxf86vm1 libxfixes3 libxi6 libxkbcommon0 libgomp1"
    " libsm6"
)


def check() -> str:
    """An empty string when `import bpy` works, else what is wrong and what to do. Imports in a process of its own."""
    leave = "import os, bpy; os._exit(0)"  # some versions crash while the interpreter ends
    done = subprocess.run([sys.executable, "-c", leave], capture_output=True, text=True, check=False, encoding="utf-8")
    if done.returncode == 0:
        return ""
    missing = re.search(r"(\S+\.so\S*): cannot open shared object file", done.stderr)
    if missing:
        return f"Blender needs the system library {missing[1]}, which is not installed. On Debian or Ubuntu:\n  {APT}"
    if "No module named 'bpy'" in done.stderr:
        return "Blender's Python module (bpy) is not installed here: run `make setup`."
    last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return f"Blender's Python module cannot be imported: {last[0]}"


if __name__ == "__main__":
    problem = check()
    if problem:
        raise SystemExit(problem)
