"""The rules that keep the house easy to find one's way in."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from server.api.routes import Order
from server.commands.main import COMMANDS

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "server"

# Who may import whom, inside server/; every room is named.
ALLOWED = {
    "world": set(),
    "priors": {"world"},
    "guidance": {"priors"},
    "generators": {"world"},
    "materials": set(),
    "meshing": {"world"},
    "studio": {"guidance", "generators", "materials", "meshing", "priors", "world"},
    "jobs": {"studio", "meshing", "priors"},
    "farm": {"jobs", "priors"},
    "api": {"farm", "jobs", "priors"},
    "training": {"guidance", "priors", "world"},
    "evaluation": {"training", "studio", "generators", "materials", "meshing", "guidance", "priors", "world"},
    "bench": {"training", "studio", "meshing", "generators", "priors", "world"},
    "lab": {"guidance", "priors"},
    "commands": {
        "api",
        "bench",
        "evaluation",
        "farm",
        "generators",
        "jobs",
        "lab",
        "materials",
        "meshing",
        "priors",
        "studio",
        "training",
        "world",
    },
}
# Values and tools that every room may use.
ROOMLESS = {
    "__init__",
    "__main__",
    "accelerators",
    "arguments",
    "console",
    "errors",
    "files",
    "images",
    "paths",
    "png",
    "presets",
    "ranges",
    "recipe",
    "recipe_parts",
    "shelf",
}


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("server."):
            names.add(node.module.removeprefix("server."))
        elif isinstance(node, ast.Import):
            names |= {n.name.removeprefix("server.") for n in node.names if n.name.startswith("server.")}
    return names


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules_imported(path: Path) -> set[str]:
    """Files inside server/ that a file imports, whether at its top, inside a function, or for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "server":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if ROOT.joinpath(*inner.split(".")).with_suffix(".py").exists() else node.module)
    return found - {module_of(path)}


def test_every_room_is_named() -> None:
    assert {path.parent.name for path in SERVER.glob("*/__init__.py")} == set(ALLOWED)
    assert {path.stem for path in SERVER.glob("*.py")} == ROOMLESS


def test_nothing_is_allowed_that_nobody_needs() -> None:
    for room, others in ALLOWED.items():
        used = {name.split(".")[0] for path in (SERVER / room).rglob("*.py") for name in imports_of(path)}
        assert used - ROOMLESS - {room} == others, room


def test_arrows_between_rooms_point_one_way() -> None:
    beneath: dict[str, set[str]] = {}

    def below(room: str, above: tuple[str, ...] = ()) -> set[str]:
        assert room not in above, f"{' -> '.join(above)} -> {room} is a circle"
        if room not in beneath:
            beneath[room] = ALLOWED[room].union(*(below(other, (*above, room)) for other in ALLOWED[room]))
        return beneath[room]

    for room in ALLOWED:
        below(room)


def test_no_circles_between_files() -> None:
    imports = {module_of(path): modules_imported(path) for path in SERVER.rglob("*.py")}
    done: set[str] = set()

    def follow(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above[above.index(module) :], module])
        if module not in done:
            for other in imports[module]:
                follow(other, (*above, module))
            done.add(module)

    for module in imports:
        follow(module, ())


def test_the_server_never_imports_blender_and_the_extension_never_imports_the_server() -> None:
    for path in SERVER.rglob("*.py"):
        assert "import bpy" not in path.read_text(encoding="utf-8"), path
    for path in (ROOT / "blender_msd").rglob("*.py"):
        assert not imports_of(path), path


def test_no_file_outgrows_one_idea() -> None:
    for path in [*SERVER.rglob("*.py"), *(ROOT / "blender_msd").rglob("*.py")]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 300, f"{path.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_answers_without_loading_what_is_heavy(command: list[str]) -> None:
    script = "import sys; from server.commands.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    script += "heavy = {'torch', 'diffusers', 'fastapi', 'scipy', 'numpy', 'tqdm'} & set(sys.modules)\n"
    script += "sys.exit(str(heavy) if heavy else 0)"
    arguments = [sys.executable, "-c", script, *command, "--help"]
    subprocess.run(arguments, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_arguments_and_progress_bars_belong_to_the_commands() -> None:
    for path in SERVER.rglob("*.py"):
        if path.parent.name == "commands" or path.stem in ("arguments", "console", "paths"):
            continue
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import argparse|from argparse|from tqdm|import tqdm)", text, re.MULTILINE), path


def test_json_is_declared_once() -> None:
    declared = [path for path in SERVER.rglob("*.py") if 'add_argument("--json"' in path.read_text(encoding="utf-8")]
    assert declared == [SERVER / "commands" / "shared.py"]


def defined_in(path: Path) -> set[str]:
    """Names of functions and classes."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}


def test_an_order_to_a_job_and_a_command_never_share_a_word() -> None:
    assert not set(get_args(Order)) & set(COMMANDS)


def test_to_finish_is_to_stop_a_job_early_and_nothing_else() -> None:
    for path in SERVER.rglob("*.py"):
        if path.relative_to(SERVER).parts[0] not in ("jobs", "api"):
            named = {name for name in defined_in(path) if {"finish", "finishing"} & set(name.lower().split("_"))}
            assert named <= {"_finish_code"}, path


def test_a_field_is_the_radiance_field() -> None:
    """Other fields say of what: lab_field, light_field."""
    for path in SERVER.rglob("*.py"):
        assert "field" not in {name.lower() for name in defined_in(path)}, path


def test_the_pages_name_every_command() -> None:
    for page in ("docs/command-line.md", "CHANGELOG.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        missing = [name for name in COMMANDS if f"server {name}" not in text and f"`{name}`" not in text]
        assert not missing, page


def test_the_glossary_has_each_word_once_and_tells_orders_from_commands() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Words")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| \*([\w ]+)\* \| (.+) \|$", text, re.MULTILINE))
    assert len(rows) == len(re.findall(r"^\| \*", text, re.MULTILINE))
    assert [word for word in rows if word in get_args(Order)] == [word for word in rows if "order" in rows[word]]
    assert [word for word in rows if word in COMMANDS] == [word for word in rows if "command" in rows[word]]
