"""The zip an artist installs: what Blender's own tool would build, accepted by it, installed by Blender, and used."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from fake_server import FakeServer

sys.path.insert(0, str(ROOT / "tests" / "demo"))
import build_extension

# Runs in a Blender of its own: prints what it found as JSON.
ARTIST = r"""
import json, os, sys
import bpy
import addon_utils
zip_path, url, token = sys.argv[1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.blender_msd"
preferences = bpy.context.preferences.addons[name].preferences
preferences.server_url, preferences.server_token = url, token
result = bpy.ops.msd.generate_mesh(prompt="a red cube", seed=1)
found = {
    "result": sorted(result),
    "object": bpy.context.object.name,
    "faces": len(bpy.context.object.data.polygons),
    "file": sys.modules[name].__file__,
    "warnings": addon_utils._extensions_warnings_get(),
}
bpy.ops.preferences.addon_disable(module=name)
bpy.ops.extensions.package_uninstall(repo_index=1, pkg_id="blender_msd")
found["left"] = os.path.exists(os.path.dirname(found["file"]))
print("FOUND " + json.dumps(found), flush=True)
os._exit(0)
"""


def blender_says(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of Blender's own extension tool, run without Blender."""
    (scripts,) = Path(importlib.util.find_spec("bpy").origin).parent.glob("*/scripts")
    tool = scripts / "addons_core/bl_pkg/cli/blender_ext.py"
    tags = scripts / "modules/_bpy_internal/extensions/tags.py"
    return subprocess.run(
        [sys.executable, str(tool), command, "--valid-tags", str(tags), *arguments],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as found:
        return {name: found.read(name) for name in found.namelist()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build_extension.build(tmp_path_factory.mktemp("zip"))


def test_the_zip_holds_the_add_on_and_the_server_and_nothing_else(archive):
    names = zipfile.ZipFile(archive).namelist()
    top = {name.split("/")[0] for name in names}
    assert top == {"__init__.py", "blender_manifest.toml", "LICENSE", "blender_msd", "server"}
    for needed in ("blender_msd/bridge.py", "server/__main__.py", "server/requirements.lock", "server/recipe.py"):
        assert needed in names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".part", ".log"))]


def test_every_file_of_add_on_and_server_is_in_the_zip(archive):
    names = set(zipfile.ZipFile(archive).namelist())
    for room in ("blender_msd", "server"):
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names


def test_the_zip_is_small_enough_for_the_extension_site(archive):
    assert archive.stat().st_size < 150e6


def test_the_licence_is_named_the_way_blender_wants_it(archive):
    manifest = tomllib.loads(zipfile.ZipFile(archive).read("blender_manifest.toml").decode())
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert "platforms" not in manifest


def test_blender_accepts_the_manifest_its_tags_and_the_zip(archive):
    for checked in (ROOT, archive):
        done = blender_says("validate", str(checked))
        assert done.returncode == 0, done.stdout + done.stderr


def test_blender_itself_would_build_the_same_files(archive, tmp_path):
    # From the files that are shipped and what may lie among them, not from whatever else a folder holds by now.
    source = tmp_path / "source"
    source.mkdir()
    for name in build_extension.SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name)
        else:
            shutil.copy(ROOT / name, source / name)
    for litter in (".venv/lib.py", "out/cube.glb", "tests/test.py", "docs/a.png", "server/__pycache__/a.pyc"):
        (source / litter).parent.mkdir(parents=True, exist_ok=True)
        (source / litter).write_bytes(b"litter")
    theirs = tmp_path / "theirs.zip"
    done = blender_says("build", "--source-dir", str(source), "--output-filepath", str(theirs))
    assert done.returncode == 0, done.stdout + done.stderr
    ours = build_extension.build(tmp_path / "ours", source)
    assert contents(ours) == contents(theirs) == contents(archive)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "0.1.0"', 'version = "1.2"'),
        ('version = "0.1.0"', 'version = "1.02.3"'),
        ('version = "0.1.0"', 'version = "1.2.3-rc1+4"'),
        ("as you watch", "as you watch."),
        ("as you watch", "as you watch (live)"),
        ('"4.2.0"', '"4.2"'),
        ("2026 Mean", "2025-2026 Mean"),
        ('["3D View"', '[3, "3D View"'),
    ],
)
def test_what_blender_refuses_in_a_manifest_is_refused_here(tmp_path, old, new):
    text = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "blender_manifest.toml").write_text(text.replace(old, new), encoding="utf-8")
    (tmp_path / "__init__.py").write_text("", encoding="utf-8")
    theirs = blender_says("validate", str(tmp_path)).returncode == 0
    try:
        build_extension.read_manifest(tmp_path / "blender_manifest.toml")
        ours = True
    except build_extension.Refused:
        ours = False
    assert ours == theirs


def test_an_artist_can_install_use_and_remove_it(archive, tmp_path):
    fake = FakeServer()
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ARTIST, str(archive), fake.url, fake.token],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
        encoding="utf-8",
    )
    fake.close()
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")] or [done.stdout + done.stderr]
    found = json.loads(line.removeprefix("FOUND "))
    assert found["result"] == ["FINISHED"]
    assert (found["object"], found["faces"]) == ("a red cube", 12)
    assert found["file"].startswith(str(tmp_path))
    assert not found["warnings"]
    assert not found["left"]
