"""The page of errors names every code that the program gives, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from server.out_files import NOT_WRITABLE

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
SOURCES = sorted([*(ROOT / "server").rglob("*.py"), *(ROOT / "blender_msd").rglob("*.py")])
# Classes to begin with; what passes a code on to one; the constructors of classes with a code of their own.
PROBLEMS = {"Problem", "_damaged", "__init__"}
CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def _problems() -> set[str]:
    """Names of the classes of errors with a code, found by whom they inherit from."""
    found = set(PROBLEMS)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while True:
        new = {c.name for c in classes for base in c.bases if isinstance(base, ast.Name) and base.id in found}
        if new <= found:
            return found
        found |= new


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def codes_in_the_source() -> set[str]:
    """Given to a class of errors, or to `disk_problem`, whose own are "disk-full" and the default of its `code`."""
    problems, found = _problems(), {"disk-full", "file-unusable", NOT_WRITABLE}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in problems or (name == "disk_problem" and isinstance(node.args[1], ast.Constant)):
                found |= {text for text in _texts(node.args[name == "disk_problem"]) if CODE.fullmatch(text)}
    return found


def test_every_code_is_explained_and_none_is_made_up() -> None:
    explained = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8")))
    assert explained == codes_in_the_source()
