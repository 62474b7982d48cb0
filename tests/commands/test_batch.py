"""`python -m server batch`: a table of prompts becomes a folder of results, whatever happens on the way."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from server.commands import bars, batch_making, batch_table
from server.commands.batch_rows import read_rows
from server.commands.main import main
from server.errors import BadRequest, JobFailed
from server.studio import assignment
from server.studio.events import Event, Log, Progress
from tests.meshing.given_meshes import cube

HEAD = "kind,prompt,seed,prior,steps,render_size,texture.width,texture.height"
COLOURS = ("red", "blue", "green")


def bricks(colour: str, steps: int = 3) -> str:
    return f"texture,{colour} bricks,1,exact,{steps},16,32,32"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three textures that are soon made."""
    return written(tmp_path / "prompts.csv", HEAD, *map(bricks, COLOURS))


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(file: Path, *arguments: str) -> int:
    return main(["batch", str(file), *arguments])


def states(file: Path) -> list[str]:
    rows = json.loads((file.with_suffix("") / "report.json").read_text(encoding="utf-8"))["rows"]
    return [row["state"] for row in rows]


def folders(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.is_dir())


def test_every_row_has_a_folder_of_its_own_with_a_whole_result(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(table, "--json") == 0
    out = table.with_suffix("")
    said = json.loads(capsys.readouterr().out)
    assert said == {"done": 3, "failed": 0, "waiting": 0, "out": str(out), "report": str(out / "report.html")}
    for colour, name in zip(sorted(COLOURS), folders(out), strict=True):
        assert re.fullmatch(f"{colour}-bricks-[0-9a-f]{{8}}", name)
        report = json.loads((out / name / "report.json").read_text(encoding="utf-8"))
        assert {path.name for path in (out / name).iterdir()} == set(report["artifacts"])
        assert json.loads((out / name / "recipe.json").read_text(encoding="utf-8"))["prompt"] == f"{colour} bricks"


def test_the_page_shows_every_row_needs_no_network_and_trusts_no_prompt(tmp_path: Path) -> None:
    prompt = 'red bricks <img src="http://elsewhere/x.png">'
    recipe = {
        "kind": "texture",
        "prompt": prompt,
        "steps": 3,
        "render_size": 16,
        "texture": {"width": 32, "height": 32},
    }
    file = written(tmp_path / "p.jsonl", json.dumps(recipe))
    assert run(file) == 0
    out = tmp_path / "p"
    page = (out / "report.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) == 2
    assert all((out / link).exists() for link in links)
    assert not re.search(r"<(script|link|iframe)|@import|url\(", page)
    assert "<img src=&quot;http" not in page
    assert "&lt;img src=&quot;http" in page


def test_every_bad_row_is_named_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ["mesh,a red cube,1,exact,many,16,,", "mesh,an elephant,1,exact,3,16,,", "mesh,a red cube,-1,exact,3,16,,"]
    file = written(tmp_path / "p.csv", HEAD, bricks("red"), *bad, bricks("red"))
    assert run(file) == 2
    said = capsys.readouterr().err
    for start in ("row 3: steps must be", "row 4: ", "row 5: seed must be", "row 6: It is the same as row 2"):
        assert f"\n{start}" in said
    assert "\nrow 2:" not in said
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("p.csv", "", "no column 'prompt'"),
        ("p.csv", "prompt\n", "no row"),
        ("p.csv", "prompt,size\na duck,3", "no field 'size'"),
        ("p.csv", "prompt,mesh\na duck,3", "no field 'mesh' that a cell could hold"),
        ("p.csv", "prompt,mesh.size\na duck,3", "no field 'mesh.size'"),
        ("p.csv", "prompt,prompt.x\na duck,3", "no field 'prompt.x'"),
        ("p.csv", "prompt,prompt\na duck,a duck", "two columns"),
        ("p.csv", "prompt\na duck,3", "row 2 has 2 cells"),
        ("p.jsonl", "{}\n{", "line 2 is not JSON"),
        ("p.jsonl", "[]", "line 1 is not a JSON object"),
        ("p.txt", "a duck", "must end in .csv or .jsonl"),
        ("none.csv", None, "No such file"),
        ("p.csv", b"prompt\n\xe4", "not text in UTF-8"),
    ],
)
def test_a_file_that_is_no_batch_is_refused_with_the_place(
    tmp_path: Path, name: str, text: str | bytes | None, why: str
) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BadRequest, match=re.escape(why)):
        read_rows(tmp_path / name)


def test_a_table_says_what_a_recipe_can_however_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    head = "prompt;kind;seed;texture.maps;texture.tile_x;guidance.scale;render_size;negative_prompt;guidance.perp_neg"
    lines = [head, '"red bricks";texture;7;normal | height;FALSE;2.5;;"grass";true', ";;;;;;;;", "planks;texture;300.0"]
    file = tmp_path / "p.csv"
    file.write_text("﻿" + "\r\n".join(lines), encoding="utf-8")
    first, second = read_rows(file)
    recipe = first.recipe
    assert (first.number, second.number) == (2, 4)
    assert (recipe.prompt, recipe.seed, recipe.texture.maps) == ("red bricks", 7, ["normal", "height"])
    assert (recipe.texture.tile_x, recipe.guidance.scale, recipe.render_size) == (False, 2.5, None)
    assert (recipe.negative_prompt, recipe.guidance.perp_neg) == ("grass", True)
    assert second.recipe.seed == 300


def test_lines_of_json_are_recipes(tmp_path: Path) -> None:
    file = written(tmp_path / "p.jsonl", '{"prompt": "a red cube", "mesh": {"faces": 500}}', "", '{"prompt": "a duck"}')
    first, second = read_rows(file)
    assert (first.recipe.kind, first.recipe.mesh.faces, second.number) == ("mesh", 500, 3)


def test_the_same_command_makes_nothing_twice_and_rows_may_move(table: Path) -> None:
    assert run(table) == 0
    out = table.with_suffix("")
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*")}
    written(table, HEAD, bricks("white"), *map(bricks, COLOURS[::-1]))
    assert run(table) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(folders(out)) == 4


def test_a_batch_that_is_interrupted_goes_on_with_the_row_and_the_step(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(table, HEAD, bricks("red"), bricks("blue", steps=60), bricks("green"))
    monkeypatch.setattr(assignment, "SAVE_INTERVAL_S", 0.0)
    hear, steps = batch_table.Table.hear, []

    def leave(told: batch_table.Table, event: Event) -> None:
        if isinstance(event, Progress) and event.steps == 60:
            steps.append(event.step)
            if event.step == 30 and steps.count(30) == 1:
                raise KeyboardInterrupt
        hear(told, event)

    monkeypatch.setattr(batch_table.Table, "hear", leave)
    assert run(table) == 130
    assert "The same command goes on" in capsys.readouterr().err
    assert states(table) == ["done", "waiting", "waiting"]
    assert len(folders(table.with_suffix(""))) == 2  # the first, and what is hidden
    made = len(steps)
    assert run(table) == 0
    assert steps[made] > 25
    assert states(table) == ["done"] * 3
    assert len(folders(table.with_suffix(""))) == 3


def test_rows_that_failed_are_told_left_alone_and_tried_again_when_asked(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, tried = batch_making._produce, []

    def fail(row: Any, *rest: Any) -> dict[str, Any]:
        tried.append(row.recipe.prompt)
        if row.recipe.prompt == "blue bricks" and tried.count("blue bricks") == 1:
            raise JobFailed("nothing-solid", "The field holds nothing solid.", "Use another seed.")
        return make(row, *rest)

    monkeypatch.setattr(batch_making, "_produce", fail)
    assert run(table) == 1
    assert "1 of 3 rows failed; 2 are done" in capsys.readouterr().err
    assert states(table) == ["done", "failed", "done"]
    page = (table.with_suffix("") / "report.html").read_text(encoding="utf-8")
    assert "The field holds nothing solid. Use another seed." in page
    tried.clear()
    assert run(table) == 1
    assert tried == []
    tried.append("blue bricks")
    assert run(table, "--failed") == 0
    assert tried == ["blue bricks"] * 2
    assert states(table) == ["done"] * 3


def test_a_fault_of_the_program_costs_its_row_and_no_other(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = batch_making._produce

    def fail(row: Any, *rest: Any) -> dict[str, Any]:
        if row.recipe.prompt == "red bricks":
            raise ZeroDivisionError("by accident")
        return make(row, *rest)

    monkeypatch.setattr(batch_making, "_produce", fail)
    assert run(table) == 1
    assert states(table) == ["failed", "done", "done"]


def test_a_result_whose_files_were_taken_away_is_made_again(table: Path) -> None:
    run(table)
    gone = next(table.with_suffix("").glob("red-*/texture.png"))
    gone.unlink()
    assert run(table) == 0
    assert gone.is_file()


def test_two_batches_in_one_folder_are_refused(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = table.with_suffix("")
    out.mkdir()
    with batch_making.held(out / batch_making.MAKING):
        assert run(table) == 2
    assert "Another process makes this" in capsys.readouterr().err
    assert run(table) == 0


def test_a_mesh_is_textured_when_its_row_names_its_file(tmp_path: Path) -> None:
    from server.meshing.given import given_bytes

    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "cube.npz").write_bytes(given_bytes(cube()))
    recipe = {"kind": "retexture", "prompt": "a red cube", "prior": "exact", "steps": 2, "render_size": 16}
    lines = [
        json.dumps({**recipe, "retexture": {"mesh": mesh, "size": 64}}) for mesh in ("meshes/cube.npz", "none.npz")
    ]
    with pytest.raises(BadRequest, match=r"row 2: There is no file .*none\.npz"):
        read_rows(written(tmp_path / "p.jsonl", *lines))
    assert run(written(tmp_path / "p.jsonl", lines[0])) == 0
    assert next((tmp_path / "p").glob("a-red-cube-*/texture.png")).is_file()


def test_while_a_row_is_made_it_says_now_and_then_that_it_lives(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bars, "EVERY_S", 0.01)
    (row, *_) = rows = read_rows(table)
    said = ""
    with batch_table.Table(rows, {}) as shown:
        shown.begin(row)
        shown.hear(Log("info", "x"))
        shown.hear(Progress("Painting", 0.5, 10, 20, 12.0))
        deadline = time.monotonic() + 60
        while "Painting 50%, about 12 s left" not in said and time.monotonic() < deadline:
            said += capsys.readouterr().err
    assert re.search(r"row +2  Painting 50%, about 12 s left  red bricks \(seed 1\)\n", said)


def test_half_a_minute_is_the_longest_silence() -> None:
    assert bars.EVERY_S <= 60
