"""Text is UTF-8 wherever it lies: the locale of a machine decides nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Their `open` takes no text, or none with an encoding.
OTHERS = {"os", "Image", "Office", "webbrowser", "image"}
PROCESSES = {"run", "Popen", "check_output", "check_call", "call"}


def without_encoding(source: str) -> Iterator[int]:
    """Lines on which text goes to or comes from a file or a process in the locale's encoding."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in call.keywords):
            continue
        is_method = isinstance(call.func, ast.Attribute)
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        of = getattr(call.func.value, "id", "") if isinstance(call.func, ast.Attribute) else ""
        if (name == "open" and of not in OTHERS) or (name == "fdopen"):
            if "b" not in mode(call, 1 if name == "fdopen" or not is_method else 0, "r"):
                yield call.lineno
        elif name in ("NamedTemporaryFile", "TemporaryFile"):
            if "b" not in mode(call, 0, "w+b"):
                yield call.lineno
        elif name in ("read_text", "write_text") and is_method:
            if len(call.args) < (1 if name == "read_text" else 2):
                yield call.lineno
        elif name in PROCESSES and any(
            keyword.arg in ("text", "universal_newlines") and getattr(keyword.value, "value", True)
            for keyword in call.keywords
        ):
            yield call.lineno


def mode(call: ast.Call, position: int, default: str) -> str:
    """The mode that a call opens with; any, when it is not written out."""
    given = call.args[position : position + 1] + [k.value for k in call.keywords if k.arg == "mode"]
    return str(getattr(given[0], "value", "b")) if given else default


@pytest.mark.parametrize("room", ["server", "blender_msd", "tests"])
def test_every_text_file_and_every_pipe_names_its_encoding(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert not found, "give encoding=: " + ", ".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "open('x')",
        "open('x', 'w')",
        "path.open()",
        "path.open(mode='a')",
        "path.read_text()",
        "path.write_text('x')",
        "os.fdopen(1, 'w')",
        "subprocess.run(['x'], text=True)",
        "NamedTemporaryFile('w')",
    ],
)
def test_a_forgotten_encoding_is_found(code: str) -> None:
    assert list(without_encoding(code)) == [1]


@pytest.mark.parametrize(
    "code",
    ["open('x', 'rb')", "path.open('wb')", "path.read_text('utf-8')", "open('x', encoding='utf-8')", "os.open(x)"],
)
def test_what_has_one_or_needs_none_is_let_through(code: str) -> None:
    assert not list(without_encoding(code))
