"""The page of errors names every code that the program gives, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from server.files import NOT_WRITABLE

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
    """Given to a class of errors or to `disk_problem`, first or behind an HTTP status or the system's error.

    The codes of `disk_problem` itself are "disk-full" and the default of its `code`.
    """
    makers, found = {*_problems(), "disk_problem"}, {"disk-full", "file-unusable", NOT_WRITABLE}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in makers:
                given = [*node.args[:2], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
                found |= {text for value in given for text in _texts(value) if CODE.fullmatch(text)}
    return found


def test_every_code_is_explained_and_none_is_made_up() -> None:
    explained = re.findall(r"(?m)^\| `([a-z-]+)` \|", PAGE.read_text(encoding="utf-8"))
    given = codes_in_the_source()
    missing, made_up = sorted(given - set(explained)), sorted(set(explained) - given)
    assert not missing, f"not on the page: {', '.join(missing)}"
    assert not made_up, f"given by nothing: {', '.join(made_up)}"
    assert len(explained) == len(set(explained)), "a code is explained twice"
