"""The rules that keep the house easy to find one's way in."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server"

# Who may import whom, inside server/. Rooms not named on the left may be used by anyone.
ALLOWED = {
    "priors": {"priors"},
    "guidance": {"guidance", "priors"},
    "generators": {"generators", "priors"},
    "meshing": {"meshing", "priors.views", "studio.events"},
    "studio": {"studio", "guidance", "generators", "meshing", "priors"},
    "jobs": {"jobs", "studio", "priors"},
    "api": {"api", "jobs", "priors.card", "priors.catalogue", "studio.events"},
    "evaluation": {"evaluation", "studio", "meshing", "priors", "guidance", "generators"},
    "lab": {"lab", "guidance", "priors"},
}
ROOMLESS = {
    "accelerators",
    "arguments",
    "console",
    "errors",
    "files",
    "out_files",
    "paths",
    "png",
    "ranges",
    "recipe",
    "__init__",
}


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("server."):
            names.add(node.module.removeprefix("server."))
        elif isinstance(node, ast.Import):
            names |= {n.name.removeprefix("server.") for n in node.names if n.name.startswith("server.")}
    return names


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_arrows_between_rooms_point_one_way(room: str) -> None:
    for path in (SERVER / room).rglob("*.py"):
        for name in imports_of(path):
            if name.split(".")[0] in ROOMLESS:
                continue
            allowed = any(name == target or name.startswith(target + ".") for target in ALLOWED[room])
            assert allowed, f"{path.relative_to(ROOT)} imports server.{name}"


def test_the_server_never_imports_blender_and_the_extension_never_imports_the_server() -> None:
    for path in SERVER.rglob("*.py"):
        assert "import bpy" not in path.read_text(encoding="utf-8"), path
    for path in (ROOT / "blender_msd").rglob("*.py"):
        assert not imports_of(path), path


def test_no_file_outgrows_one_idea() -> None:
    for path in [*SERVER.rglob("*.py"), *(ROOT / "blender_msd").rglob("*.py")]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines"


def test_help_answers_without_loading_torch() -> None:
    script = "import sys; from server.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    script += (
        "heavy = {'torch', 'diffusers', 'fastapi', 'scipy'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_one_module_knows_what_accelerators_there_are() -> None:
    """Others name none of torch's modules for one brand, so that all brands are met everywhere alike."""
    brand = re.compile(r"\.(?:cuda|mps|xpu|hip)\b")
    for path in [*SERVER.rglob("*.py"), *(ROOT / "blender_msd").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        if path not in (SERVER / "accelerators.py", Path(__file__)):
            found = brand.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(ROOT)} says {found and found[0]}"
