"""The extension's zip is built with Python alone, and is the same wherever it is built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

sys.path.insert(0, str(Path(__file__).parent / "demo"))
from build_extension import ROOT, SHIPPED, Refused, build, is_left_out, read_manifest

BUILDER = ROOT / "tests" / "demo" / "build_extension.py"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small extension with the manifest of ours."""
    root = tmp_path / "source"
    for folder in ("blender_msd/core", "server/api", "server/__pycache__", "docs"):
        (root / folder).mkdir(parents=True)
    for name in ("__init__.py", "LICENSE", "blender_msd/__init__.py", "blender_msd/core/a.py", "server/api/b.py"):
        (root / name).write_text(name, encoding="utf-8")
    shutil.copy(ROOT / "blender_manifest.toml", root)
    return root


def rewrite_manifest(root: Path, old: str, new: str) -> Path:
    path = root / "blender_manifest.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_no_package_is_needed_to_build_the_zip(tmp_path: Path) -> None:
    without_packages = [sys.executable, "-S", str(BUILDER), str(tmp_path / "out")]
    done = subprocess.run(without_packages, capture_output=True, text=True, check=True, encoding="utf-8")
    (archive,) = (tmp_path / "out").iterdir()
    assert str(archive) in done.stdout
    names = zipfile.ZipFile(archive).namelist()
    assert {name.split("/")[0] for name in names} == set(SHIPPED)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_extension_installs_nothing() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "--always-make", "extension"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert "build_extension.py" in said
    assert "pip" not in said
    assert ".venv" not in said


def test_the_same_files_give_the_same_zip_whatever_their_dates_permissions_and_order(
    source: Path, tmp_path: Path
) -> None:
    first = build(tmp_path / "first", source).read_bytes()
    again = tmp_path / "again"
    again.mkdir()
    for path in sorted((path for path in source.rglob("*") if path.is_file()), reverse=True):
        copy = again / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o700)
        os.utime(copy, (1_700_000_000, 1_700_000_000))
    assert build(tmp_path / "second", again).read_bytes() == first


def test_names_are_sorted_and_dates_and_permissions_fixed(source: Path, tmp_path: Path) -> None:
    entries = zipfile.ZipFile(build(tmp_path / "out", source)).infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_results_caches_hidden_files_and_links_are_not_shipped(source: Path, tmp_path: Path) -> None:
    clean = build(tmp_path / "clean", source).read_bytes()
    for litter in ("cube.glb", ".env", "docs/a.png", "notes/a.txt", "server/__pycache__/b.pyc", "server/api/b.pyc"):
        (source / litter).parent.mkdir(exist_ok=True)
        (source / litter).write_bytes(b"litter")
    (source / "server" / "link.py").symlink_to(source / "LICENSE")
    (source / "server" / ".b.py.swp").write_bytes(b"litter")
    assert build(tmp_path / "littered", source).read_bytes() == clean


def test_a_build_leaves_nothing_but_the_zip(source: Path, tmp_path: Path) -> None:
    archive = build(tmp_path / "out", source)
    assert list((tmp_path / "out").iterdir()) == [archive] == [build(tmp_path / "out", source)]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('version = "0.1.0"', 'version = "1"', "version"),
        ('version = "0.1.0"', "", "version is missing"),
        ('id = "blender_msd"', 'id = "blender-msd"', "id"),
        ('type = "add-on"', 'type = "theme"', "type"),
        ("as you watch", "as you watch.", "tagline"),
        ("as you watch", "as you watch " + 64 * "x", "tagline"),
        ('["SPDX:GPL-3.0-or-later"]', "[]", "license"),
        ("2026 Mean", "Mean", "copyright"),
        ('"4.2.0"', '"4.2"', "blender_version_min"),
        ("network = ", "internet = ", "permissions"),
        ('".*"', '"!/server/"', "build"),
        ('"*.pyc"', '"server/**/x"', "build"),
        ("[permissions]", "[permissions", "cannot be read"),
    ],
)
def test_a_wrong_manifest_is_refused_by_name(source: Path, tmp_path: Path, old: str, new: str, named: str) -> None:
    rewrite_manifest(source, old, new)
    with pytest.raises(Refused, match=named):
        build(tmp_path / "out", source)
    assert not (tmp_path / "out").exists()


def test_everything_that_is_wrong_is_said_at_once_and_without_a_traceback(source: Path) -> None:
    rewrite_manifest(source, "0.1.0", "1")
    path = rewrite_manifest(source, "4.2.0", "4")
    with pytest.raises(Refused) as caught:
        read_manifest(path)
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_part_is_named(source: Path, tmp_path: Path) -> None:
    (source / "LICENSE").unlink()
    with pytest.raises(Refused, match="LICENSE"):
        build(tmp_path / "out", source)


@pytest.mark.parametrize(
    ("pattern", "left_out", "kept"),
    [
        ("*.pyc", "server/a.pyc", "server/a.py"),
        ("__pycache__/", "server/__pycache__", "server/cache"),
        ("/docs/", "docs", "server/docs"),
        ("/server/api/", "server/api", "server/jobs"),
        ("/*.zip", "a.zip", "server/a.zip"),
    ],
)
def test_patterns_of_the_manifest_are_understood(pattern: str, left_out: str, kept: str) -> None:
    assert is_left_out(PurePosixPath(left_out), True, pattern)
    assert not is_left_out(PurePosixPath(kept), True, pattern)
    assert not (pattern.endswith("/") and is_left_out(PurePosixPath(left_out), False, pattern))
