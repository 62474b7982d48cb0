"""Files of a job: which names are served, and which live files stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.jobs.artifacts import LiveFiles, find_artifact
from server.jobs.events import LIVE_FILES_KEPT


def test_only_the_newest_live_files_stay(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path, "live")
    for number in range(1, 10):
        with files.open_next() as (name, file):
            file.write(b"x")
        assert name == f"live-{number:04d}.npz"
    kept = [f"live-{number:04d}.npz" for number in range(10 - LIVE_FILES_KEPT, 10)]
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_a_job_that_is_run_again_takes_no_name_of_a_live_file_that_readers_know(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with LiveFiles(tmp_path, "live").open_next() as (name, file):
            file.write(b"x")
        assert name == f"live-{number:04d}.npz"


def test_nothing_is_found_in_a_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "true").mkdir()
    (tmp_path / "true" / "mesh.npz").write_text("x", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "true")
    assert find_artifact(tmp_path / "true", "mesh.npz") is not None
    assert find_artifact(tmp_path / "link", "mesh.npz") is None


def test_a_half_written_file_cannot_be_found(tmp_path: Path) -> None:
    with LiveFiles(tmp_path, "live").open_next() as (name, file):
        file.write(b"half")
        assert find_artifact(tmp_path, name) is None
        assert all(find_artifact(tmp_path, path.name) is None for path in tmp_path.iterdir())
    assert find_artifact(tmp_path, name) is not None


@pytest.mark.parametrize(
    "name", ["../secret", "..", ".", "", ".hidden", "sub/file", "/etc/passwd", "a\x00b", "link", "sub"]
)
def test_nothing_outside_the_folder_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    folder = tmp_path / "job"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("x", encoding="utf-8")
    (folder / ".hidden").write_text("x", encoding="utf-8")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "mesh.npz").write_text("x", encoding="utf-8")
    assert find_artifact(folder, "mesh.npz") is not None
    assert find_artifact(folder, name) is None
