"""Every number on the command line is checked before anything is loaded; what is tried comes from the parser itself."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.arguments import Argument, Pair
from server.commands.main import build_parser, main
from server.errors import BadRequest
from server.recipe import MAX_SEED, GuidanceRecipe, MeshRecipe, Recipe

NO_NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "1e400",
    "9" * 30,
    "-" + "9" * 30,
    "9" * 5000,
    "1_000",
    "",
    " 3",
    "0x10",
    "٣",
    "3\n",
]
TOO_FAR = "1" + "0" * 14


def options(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, argparse.Action]]:
    """("lab table1 --seeds", its action) for every option and argument of every command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from options(command, (*path, name))
        else:
            yield " ".join([*path, *action.option_strings[-1:]]), action


PARSER = build_parser()
ALL = list(options(PARSER))
NUMBERS = [name for name, action in ALL if isinstance(action.type, Argument) and action.type.is_number]
PAIRS = [name for name, action in ALL if isinstance(action.type, Pair)]
PROMPTS = [name for name, action in ALL if isinstance(action.type, Argument) and not action.type.is_number]


def refusal(option: str, value: str) -> str:
    *command, name = option.split()
    with pytest.raises(BadRequest) as refused:
        PARSER.parse_args([*command, f"{name}={value}"])
    assert refused.value.exit_code == 2
    said = str(refused.value)
    assert "\n" not in said
    assert f"argument {name}: " in said
    return said


def test_no_option_reads_its_numbers_in_a_way_of_its_own() -> None:
    assert [name for name, action in ALL if action.type in (int, float)] == []
    numeric = {name for name, action in ALL if isinstance(action.default, (int, float)) and action.nargs != 0}
    assert numeric <= {*NUMBERS}
    assert {"sample --scale", "serve --port", "evaluate prior --repeats", "train-prior --minutes"} <= {*NUMBERS}


@pytest.mark.parametrize("option", NUMBERS)
def test_what_is_no_number_or_out_of_range_is_refused_in_one_line_that_tells_the_range(option: str) -> None:
    for value in (*NO_NUMBERS, TOO_FAR):
        assert " is not a " in refusal(option, value)
    if not option.endswith(("--azimuth", "--inversion-scale")):
        refusal(option, "-1")


@pytest.mark.parametrize("option", PAIRS)
def test_both_numbers_of_a_pair_are_checked(option: str) -> None:
    for value in ("nan,0", "0,inf", "0", "0,0,0", ",", "", "1_0,0", f"0,{TOO_FAR}", "0;0"):
        refusal(option, value)


@pytest.mark.parametrize("value", ["0", "512x0", "x", "512x", "x512", "9000", "64x64x64", "nan", "1e2", ""])
def test_both_sides_of_a_texture_are_checked(value: str) -> None:
    refusal("texture --size", value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("serve --port", "70000"),
        ("serve --parent-pid", "0"),
        ("sample --count", "100000"),
        ("sample --seed", str(MAX_SEED + 1)),
        ("bench mesh --texture-size", "7"),
        ("bench step --sizes", "0"),
        ("lab all --seeds", "0"),
        ("lab table1 --bandwidth", "0"),
        ("train-prior --minutes", "0"),
        ("mesh --time-budget", "0"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(option: str, value: str) -> None:
    refusal(option, value)


@pytest.mark.parametrize("command", [["mesh"], ["texture"], ["sample"]])
@pytest.mark.parametrize("prompt", ["", "  ", "a\x00b", "a \udcff duck", "x" * 1001])
def test_a_prompt_that_says_nothing_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], command: list[str], prompt: str
) -> None:
    assert main([*command, prompt]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("option", [name for name in PROMPTS if name.endswith(("--prompt", "--prompts"))])
def test_an_option_that_takes_prompts_refuses_empty_ones(option: str) -> None:
    assert "empty" in refusal(option, "")
    assert "empty" in refusal(option, " \t")


def test_ranges_are_those_of_the_recipe() -> None:
    for model, name, option, least in [
        (Recipe, "steps", ["mesh", "a duck", "--steps"], "1"),
        (GuidanceRecipe, "scale", ["sample", "a duck", "--scale"], "0"),
        (MeshRecipe, "faces", ["remesh", "x", "--faces"], "0"),
    ]:
        schema = model.model_json_schema()["properties"][name]
        bounds = schema.get("anyOf", [schema])[0]
        assert float(least) == bounds["minimum"]
        for accepted in (least, str(int(bounds["maximum"]))):
            assert getattr(PARSER.parse_args([*option, accepted]), name) == float(accepted)


def test_negative_coordinates_are_values_and_no_options() -> None:
    args = PARSER.parse_args(["lab", "field", "--at", "-0.5,0.2", "1e0,-2"])
    assert args.at == [(-0.5, 0.2), (1.0, -2.0)]


def test_with_json_a_refused_number_is_one_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "a duck", "--scale", "nan", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "usage-wrong"
    assert "--scale" in error["detail"]


def test_numbers_are_refused_without_loading_torch() -> None:
    script = "import sys; from server.commands.main import main\n"
    script += "codes = {main([*option.split(), 'nan']) for option in sys.argv[1:]}\n"
    script += "sys.exit(codes != {2} or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script, *NUMBERS], cwd=Path(__file__).parents[2])
    assert done.returncode == 0
