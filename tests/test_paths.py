"""Paths are understood as people give them."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from server.commands.main import main
from server.errors import BadRequest
from server.paths import as_path
from server.priors.catalogue import check_prompt


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("out/a b.glb", "out/a b.glb"),
        ('"out/a b.glb"', "out/a b.glb"),
        ("'out/a b.glb'\n", "out/a b.glb"),
        ("  /x/y.png \r\n", "/x/y.png"),
        ("file:///x/a%20b%23.png", "/x/a b#.png"),
        ("file://localhost/x/y.png\n", "/x/y.png"),
        ("file:/x/%E7%A0%96.png", "/x/砖.png"),
        ('"file:///x/y.png"', "/x/y.png"),
        ("FILE:///x/y.png", "/x/y.png"),
        ("./~nobody", "~nobody"),
        ("it's.png", "it's.png"),
        ("100%25.png", "100%25.png"),
    ],
)
def test_what_is_pasted_or_quoted_is_understood(said: str, meant: str) -> None:
    assert as_path(said) == Path(meant)


def test_home_folders_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert as_path("~/x") == as_path(' "~/x" ') == Path("/somewhere/x")
    assert as_path(f"~{getpass.getuser()}/x") == Path(os.path.expanduser(f"~{getpass.getuser()}")) / "x"


@pytest.mark.parametrize("said", ["", " \n", '""', "~nosuchuser/x", "file://elsewhere/x", "a\0b"])
def test_what_is_no_path_is_said_in_one_line(said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        as_path(said)
    assert caught.value.code == "path-unreadable"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ["mesh", "a red ball", "--out", "~nosuchuser/x.glb"],
        ["mesh", "a red ball", "--field", "~nosuchuser/x.safetensors"],
        ["mesh", "a red ball", "--prior", "~nosuchuser/model"],
        ["texture", "red bricks", "--out", "~nosuchuser/x.png"],
        ["sample", "a blue mug", "--out", "~nosuchuser/x.png"],
        ["remesh", "~nosuchuser/field.safetensors"],
        ["remesh", "field", "--out", "~nosuchuser/x.glb"],
        ["remesh", "field", "--data-dir", "~nosuchuser"],
        ["serve", "--data-dir", "~nosuchuser"],
        ["priors", "--folder", "~nosuchuser"],
        ["evaluate", "shapes", "--pictures", "~nosuchuser"],
        ["evaluate", "prior", "--cache", "~nosuchuser"],
        ["lab", "table1", "--out", "~nosuchuser"],
        ["lab", "table2", "--weights", "~nosuchuser"],
        ["train-prior", "--out", "~nosuchuser"],
        ["train-prior", "--out", "x", "--cache", "~nosuchuser"],
    ],
    ids=" ".join,
)
def test_every_path_on_the_command_line_is_read_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr().err.strip()
    assert code == 2, said
    assert "~nosuchuser" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("said", ["{}", '"{}"', "file://{}", " {}\n"])
def test_a_recipe_finds_its_prior_by_a_path_as_people_give_it(said: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(BadRequest) as caught:
        check_prompt(said.format(tmp_path / "model"), "a red ball", "mesh")
    assert caught.value.code == "prior-broken"


@pytest.mark.parametrize("name", ["w" * 300, "w/" * 3000, "a\0b"])
def test_an_impossible_name_of_a_prior_is_refused_in_words(name: str) -> None:
    with pytest.raises(BadRequest):
        check_prompt(name, "a red ball", "mesh")
