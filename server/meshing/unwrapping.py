"""A place on the texture for every face: xatlas in a process of its own, box projection when that fails."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from server.meshing.arrays import Floats, Triangles
from server.meshing.box_projection import box_project

ShouldStop = Callable[[], Any]
"""Polled while we wait; may block (pause), and may raise Cancelled. What it returns is not looked at."""

# A mesh takes a second per 20 000 faces.
LIMIT_S = 30.0
# More faces than this were not reduced, and go to box projection straight away.
MOST_FACES = 100_000
POLL_S = 0.05
CHARTS = Path(__file__).with_name("charts.py")


def unwrap(
    vertices: Floats,
    triangles: Triangles,
    size: int,
    should_stop: ShouldStop = lambda: None,
    limit_s: float = LIMIT_S,
) -> tuple[Floats, str]:
    """Lay the faces out on a square texture, none over another.

    Args:
        vertices: [V, 3]; triangles: [F, 3].
        size: texels per side, for the gaps between charts.
        limit_s: seconds that xatlas may take, pauses not counted.

    Returns:
        UV float32 [F, 3, 2] of every face's corners, in [0, 1], v upward; and a note: empty, or why boxes were used.

    Raises:
        JobFailed: "charts-do-not-fit" when the mesh is in too many pieces for the texture.
        Cancelled: from `should_stop`; the process is gone then.
    """
    if len(triangles) > MOST_FACES:
        return box_project(vertices, triangles, size), f"Unwrapped by boxes: {len(triangles)} faces."
    uv, reason = _in_a_process(vertices, triangles, should_stop, limit_s)
    if uv is None:
        return box_project(vertices, triangles, size), f"Unwrapped by boxes: {reason}."
    return uv, ""


def _in_a_process(
    vertices: Floats, triangles: Triangles, should_stop: ShouldStop, limit_s: float
) -> tuple[Floats | None, str]:
    """UV, or None and the reason."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "mesh.npz", Path(folder) / "uv.npz"
        np.savez(source, vertices=vertices, triangles=triangles)
        # -P keeps this folder off the module path, where its files would hide others of the same name.
        command = [sys.executable, "-P", str(CHARTS), str(source), str(target), str(limit_s + 5)]
        with (Path(folder) / "errors.txt").open("w+", encoding="utf-8", errors="replace") as errors:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
            try:
                ended = _wait(process, should_stop, limit_s)
            finally:
                process.kill()
                process.wait()
            if not ended:
                return None, f"xatlas took more than {limit_s:g} seconds"
            if process.returncode != 0:
                errors.seek(0)
                said = errors.read().strip().splitlines()
                return None, f"xatlas failed ({said[-1] if said else f'exit status {process.returncode}'})"
        with np.load(target, allow_pickle=False) as result:
            uv: Floats = result["uv"]
    if uv.shape != (*triangles.shape, 2) or not (np.isfinite(uv).all() and uv.min() >= 0 and uv.max() <= 1):
        return None, "xatlas gave places that are not on the texture"
    return uv, ""


def _wait(process: subprocess.Popen[bytes], should_stop: ShouldStop, limit_s: float) -> bool:
    """Whether the process ended by itself within the limit."""
    waited = 0.0
    while waited < limit_s:
        since = time.monotonic()
        try:
            process.wait(POLL_S)
            return True
        except subprocess.TimeoutExpired:
            waited += time.monotonic() - since
        should_stop()
    return False
