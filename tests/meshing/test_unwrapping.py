"""Every face gets a place of its own on the texture, whatever happens to xatlas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from server.errors import Cancelled, JobFailed
from server.meshing import unwrapping
from server.meshing.arrays import Floats, Triangles
from server.meshing.box_projection import box_project, neighbours
from server.meshing.cleaning import clean
from server.meshing.coverage import cover
from server.meshing.reduction import reduce
from server.meshing.surface import extract_surface
from server.meshing.unwrapping import unwrap
from tests.meshing.fields import LEVEL, ball, box, mug, solid, union

SIZE = 256


def reduced(density, faces: int = 2000) -> tuple[Floats, Triangles]:
    return reduce(*clean(*extract_surface(density, 48, LEVEL)), faces)[:2]


def doubly_covered(uv: Floats, size: int = SIZE) -> int:
    """How many texel centres lie inside more than one face."""
    faces_at = np.zeros((size, size), int)
    for part in cover(uv.astype(np.float64) * size, size, size):
        inner = (part.weights > 1e-3).all(1)
        np.add.at(faces_at, (part.row[inner], part.column[inner]), 1)
    return int((faces_at > 1).sum())


def texture_area(uv: Floats) -> Floats:
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def surface_area(vertices: Floats, triangles: Triangles) -> Floats:
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def by_xatlas(vertices: Floats, triangles: Triangles) -> Floats:
    uv, note = unwrap(vertices, triangles, SIZE)
    assert note == ""
    return uv


def by_boxes(vertices: Floats, triangles: Triangles) -> Floats:
    return box_project(vertices, triangles, SIZE)


@pytest.mark.parametrize("way", [by_xatlas, by_boxes])
@pytest.mark.parametrize("distance", [mug, union(ball(0.3, (0.4, 0, 0)), box(0.3, 0.5, 0.1))])
def test_faces_lie_beside_each_other_on_the_texture_and_keep_their_size(way, distance) -> None:
    vertices, triangles = reduced(solid(distance))
    uv = way(vertices, triangles)
    assert uv.dtype == np.float32
    assert uv.shape == (len(triangles), 3, 2)
    assert uv.min() >= 0
    assert uv.max() <= 1
    assert doubly_covered(uv) <= 2
    assert 0.25 < texture_area(uv).sum() < 1
    # Texels per area: nowhere starved. A box sees a face at 75 degrees at worst.
    density = texture_area(uv) / surface_area(vertices, triangles)
    assert np.quantile(density, 0.01) > 0.2 * np.median(density)


def test_boxes_cut_up_what_lies_over_itself() -> None:
    """A spiral staircase: connected, all of it seen from above, turn over turn."""
    turns = np.linspace(0, 6 * np.pi, 400)
    inner = np.stack([0.3 * np.cos(turns), 0.3 * np.sin(turns), turns / 20], -1)
    outer = np.stack([np.cos(turns), np.sin(turns), turns / 20], -1)
    vertices = np.stack([inner, outer], 1).reshape(-1, 3).astype(np.float32)
    first = 2 * np.arange(399)
    triangles = np.concatenate(
        [np.stack([first, first + 1, first + 3], -1), np.stack([first, first + 3, first + 2], -1)]
    ).astype(np.int32)
    assert doubly_covered(box_project(vertices, triangles, SIZE)) <= 2


def test_boxes_refuse_more_pieces_than_texels() -> None:
    vertices = np.random.default_rng(0).normal(size=(6000, 3)).astype(np.float32)
    with pytest.raises(JobFailed) as caught:
        box_project(vertices, np.arange(6000, dtype=np.int32).reshape(-1, 3), 64)
    assert caught.value.code == "charts-do-not-fit"
    assert caught.value.hint


def test_neighbours_share_an_edge() -> None:
    triangles = np.array([[0, 1, 2], [2, 1, 3], [4, 5, 6], [3, 1, 4]], np.int32)
    assert sorted(map(tuple, np.sort(neighbours(triangles), 1).tolist())) == [(0, 1), (1, 3)]


def test_the_same_mesh_is_unwrapped_to_the_same_bytes() -> None:
    mesh = reduced(solid(mug))
    assert by_xatlas(*mesh).tobytes() == by_xatlas(*mesh).tobytes()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen]:
    """Every process that the test starts."""
    processes: list[subprocess.Popen] = []
    begin = subprocess.Popen

    def remember(*arguments, **options):
        processes.append(begin(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", remember)
    return processes


def test_boxes_take_over_when_xatlas_is_too_slow_and_its_process_is_gone(started: list[subprocess.Popen]) -> None:
    mesh = reduced(solid(mug))
    uv, note = unwrap(*mesh, SIZE, limit_s=0.01)
    assert "0.01 seconds" in note
    assert np.array_equal(uv, by_boxes(*mesh))
    assert started[0].returncode is not None


def test_boxes_take_over_when_xatlas_crashes_and_the_note_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "charts.py"
    broken.write_text("raise SystemExit('the charts caught fire')", encoding="utf-8")
    monkeypatch.setattr(unwrapping, "CHARTS", broken)
    mesh = reduced(solid(mug))
    uv, note = unwrap(*mesh, SIZE)
    assert "caught fire" in note
    assert np.array_equal(uv, by_boxes(*mesh))


def test_a_mesh_that_was_not_reduced_never_reaches_xatlas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwrapping, "MOST_FACES", 1000)
    monkeypatch.setattr(unwrapping, "CHARTS", Path("/nowhere"))
    mesh = reduced(solid(mug))
    uv, note = unwrap(*mesh, SIZE)
    assert f"{len(mesh[1])} faces" in note
    assert np.array_equal(uv, by_boxes(*mesh))


def test_cancelling_ends_the_wait_and_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: list[subprocess.Popen]
) -> None:
    slow = tmp_path / "charts.py"
    slow.write_text("import time; time.sleep(600)", encoding="utf-8")
    monkeypatch.setattr(unwrapping, "CHARTS", slow)

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        unwrap(*reduced(solid(mug)), SIZE, stop)
    assert started[0].returncode is not None


def test_the_process_ends_itself_when_nobody_does(tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", vertices=np.zeros((3, 3), np.float32), triangles=np.array([[0, 1, 2]], np.int32))
    hang = "import runpy, time, xatlas; xatlas.Atlas = lambda: time.sleep(600); "
    hang += f"runpy.run_path({str(unwrapping.CHARTS)!r})['main']({str(tmp_path / 'in.npz')!r}, 'out', '0.3')"
    ran = subprocess.run([sys.executable, "-P", "-c", hang], capture_output=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert b"Timeout" in ran.stderr
