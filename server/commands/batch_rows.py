"""The rows of a batch: one recipe each, from a table (.csv) or from lines of JSON (.jsonl). All are read and checked
before the first is made."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from server.errors import BadRequest, Problem
from server.meshing.names import stem
from server.paths import as_path
from server.recipe import Recipe, read_recipe

KINDS = (".csv", ".jsonl")
# So many are named at once; whoever has more has one mistake many times.
MOST_NAMED = 20
# Between the values of a cell of a list, such as maps.
BETWEEN = "|"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DIGITS = 8


@dataclass(frozen=True)
class Row:
    """One thing that is to be made.

    Attributes:
        number: as a spreadsheet, or an editor, counts.
        name: of its folder: its prompt, and what tells its recipe from every other; a row that moves keeps it.
        mesh: file of the mesh that is textured, if one is.
        warnings: what of its prompt will not be followed.
    """

    number: int
    recipe: Recipe
    name: str
    mesh: Path | None
    warnings: tuple[str, ...]


def read_rows(file: Path, part: tuple[int, int] = (1, 1)) -> list[Row]:
    """Read and check the rows of a file.

    Args:
        part: (k, n): only each nth row, from the kth on; there may be none.

    Raises:
        BadRequest: "batch-unreadable" when it is no such file or holds no row, "rows-invalid" naming each row that
            cannot be made.
    """
    rows: list[Row] = []
    wrong: list[str] = []
    seen: dict[str, int] = {}
    first, step = part
    for number, data in islice(_records(file), first - 1, None, step):
        try:
            row = _row(number, data, file.parent)
            if row.name in seen:
                raise BadRequest("rows-invalid", f"It is the same as row {seen[row.name]}: give it another seed.")
        except Problem as problem:
            wrong.append(f"row {number}: {problem.message} {problem.hint}".strip())
        else:
            seen[row.name] = number
            rows.append(row)
    if wrong:
        named = wrong[:MOST_NAMED] + ([f"and {len(wrong) - MOST_NAMED} more"] if len(wrong) > MOST_NAMED else [])
        said = f"{len(wrong)} of {len(wrong) + len(rows)} rows cannot be made:\n" + "\n".join(named)
        raise BadRequest("rows-invalid", said, "\nNothing was started. Correct them, then give the same command again.")
    if not rows and first == 1:
        raise _unreadable(file, "it holds no row")
    return rows


def _row(number: int, data: dict[str, Any], beside: Path) -> Row:
    from server.priors.catalogue import check_loras, check_prompt

    data = {"kind": "mesh", **data}
    mesh = None
    if data["kind"] == "retexture":
        mesh, data = _with_mesh(data, beside)
    recipe = read_recipe(data)
    warnings = check_prompt(recipe.prior, recipe.prompt, recipe.shown, recipe.negative_prompt)
    check_loras(recipe.prior, recipe.loras)
    return Row(number, recipe, _name(recipe), mesh, tuple(warnings))


def _with_mesh(data: dict[str, Any], beside: Path) -> tuple[Path, dict[str, Any]]:
    """A row names the file of its mesh, a recipe its contents."""
    from server.meshing.given import given_bytes
    from server.meshing.reading import read_mesh_file
    from server.shelf import digest_of

    part = data.get("retexture")
    named = part.get("mesh") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(named, str) or not named:
        raise BadRequest("rows-invalid", "retexture.mesh is missing: it must be the file of a mesh.")
    file = beside / as_path(named)
    return file, {**data, "retexture": {**part, "mesh": digest_of(given_bytes(read_mesh_file(file)))}}


def _name(recipe: Recipe) -> str:
    written = json.dumps(recipe.model_dump(mode="json"), sort_keys=True)
    digest = hashlib.sha256(written.encode()).hexdigest()[:_DIGITS]
    words = stem(recipe.prompt)
    return f"{words}-{digest}" if words else digest


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row's number and what it says, as a recipe would."""
    if file.suffix.lower() not in KINDS:
        raise _unreadable(file, f"its name must end in {' or '.join(KINDS)}")
    try:
        # A spreadsheet marks its UTF-8 at the beginning.
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(file, "it is not text in UTF-8; save it as CSV UTF-8") from None
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from None
    return _of_table(file, text) if file.suffix.lower() == ".csv" else _of_lines(file, text)


def _of_lines(file: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _unreadable(file, f"line {number} is not JSON: {error}") from None
        if not isinstance(data, dict):
            raise _unreadable(file, f"line {number} is not a JSON object")
        yield number, data


def _of_table(file: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    head = text.partition("\n")[0]
    # Spreadsheets write what is usual where they are used.
    lines = list(csv.reader(text.splitlines(keepends=True), delimiter=max(",;\t", key=head.count)))
    columns = [name.strip() for name in lines[0]] if lines else []
    fields = {name: _field(name, file) for name in columns}
    if len(fields) < len(columns):
        raise _unreadable(file, "two columns have the same name")
    if "prompt" not in fields:
        raise _unreadable(file, "it has no column 'prompt'; the first line names the columns")
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns):
            raise _unreadable(file, f"row {number} has {len(cells)} cells, and there are {len(columns)} columns")
        data: dict[str, Any] = {}
        for name, cell in zip(columns, cells, strict=False):
            if cell.strip():
                *parts, last = name.split(".")
                place = data
                for part in parts:
                    place = place.setdefault(part, {})
                place[last] = _value(cell, fields[name])
        yield number, data


def _field(name: str, file: Path) -> set[str]:
    """What a column may hold, in JSON Schema's words; columns are called as the fields of a recipe, mesh.faces."""
    model: type[BaseModel] = Recipe
    *parts, last = name.split(".")
    for part in parts:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            raise _unreadable(file, f"a recipe has no field {name!r}")
        model = inner
    schema = model.model_json_schema()["properties"].get(last, {})
    kinds = {part.get("type", "") for part in schema.get("anyOf", [schema])}
    if not schema or kinds == {""}:
        raise _unreadable(file, f"a recipe has no field {name!r} that a cell could hold")
    return kinds


def _value(cell: str, kinds: set[str]) -> Any:
    """What cannot be read as what it should be stays text, which the recipe refuses with its range."""
    plain = cell.strip()
    if "array" in kinds:
        return [part.strip() for part in plain.split(BETWEEN) if part.strip()]
    if "boolean" in kinds:
        return {"true": True, "false": False}.get(plain.lower(), plain)
    if kinds & {"integer", "number"} and _NUMBER.fullmatch(plain):
        return float(plain) if re.search("[.eE]", plain) else int(plain)
    return plain


def _unreadable(file: Path, why: str) -> BadRequest:
    return BadRequest("batch-unreadable", f"{file} is no batch: {why}.", "docs/command-line.md shows one.")
