"""The rules that keep the add-on safe, read from its source."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

import blender_msd
import server

PACKAGE = ROOT / "blender_msd"
NETWORK = {"socket", "http", "urllib", "ssl", "requests", "asyncio"}
SLOW_NAMES = {"open", "read_text", "read_bytes", "write_text", "exists", "is_file", "is_dir", "mkdir", "sleep", "wait"}


def modules(room: str) -> list[Path]:
    found = sorted((PACKAGE / room).glob("*.py"))
    assert found
    return found


def imported(path: Path) -> set[str]:
    """First names of everything a module imports; relative imports as ".name" or "..name"."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            if node.module:
                names.add(dots + node.module.split(".")[0])
            else:
                names |= {dots + alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules("core"), ids=lambda path: path.name)
def test_core_knows_no_blender_and_nothing_outside_itself(path):
    names = imported(path)
    assert not names & {"bpy", "bmesh", "mathutils", "gpu", "bpy_extras"}
    assert not {name for name in names if name.startswith("..")}


@pytest.mark.parametrize("path", modules("core/setup"), ids=lambda path: path.name)
def test_the_set_up_knows_no_blender_and_nothing_outside_core(path):
    names = imported(path)
    assert not names & {"bpy", "bmesh", "mathutils", "gpu", "bpy_extras"}
    assert not {name for name in names if name.startswith("...")}


@pytest.mark.parametrize("path", modules("scene"), ids=lambda path: path.name)
def test_scene_uses_no_network_and_no_thread(path):
    names = imported(path)
    assert not names & (NETWORK | {"threading", "queue", "subprocess"})
    assert not {name for name in names if name.startswith("..")} - {"..core"}


@pytest.mark.parametrize("path", modules("ui"), ids=lambda path: path.name)
def test_ui_uses_no_network_and_no_thread(path):
    assert not imported(path) & (NETWORK | {"threading", "queue", "subprocess"})


@pytest.mark.parametrize("path", modules("ui"), ids=lambda path: path.name)
def test_draw_and_poll_touch_no_file_and_never_wait(path):
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_drawing = isinstance(function, ast.FunctionDef) and function.name.lstrip("_").startswith(("draw", "poll"))
        if not is_drawing:
            continue
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            assert name not in SLOW_NAMES, f"{path.name}:{call.lineno} {name}"


def test_only_numpy_and_the_standard_library_are_needed():
    known = set(sys.stdlib_module_names) | {"numpy", "bpy", "bmesh", "mathutils", "blf", "bl_operators"}
    for path in PACKAGE.rglob("*.py"):
        foreign = {name for name in imported(path) if not name.startswith(".")} - known
        assert not foreign, f"{path.name}: {foreign}"


def test_importing_the_add_on_starts_nothing():
    for path in PACKAGE.rglob("*.py"):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            assert not is_call, f"{path.name}:{statement.lineno}"


def test_the_versions_agree():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["version"] == blender_msd.VERSION == server.__version__
