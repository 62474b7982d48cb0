"""The job type for Flamenco: what the panel shows, and that each of its tasks is a command line of ours."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest

import server
from server.accelerators import NAMES
from server.commands.main import build_parser
from server.recipe import Preset, Recipe

SCRIPT = Path(server.__file__).parent / "farm" / "flamenco" / "msd.js"
MANAGER = Path(__file__).parent / "flamenco_manager.js"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node, which plays Flamenco's manager")


def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(NODE), str(MANAGER), str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=300)


def settings_of_the_panel() -> dict[str, dict[str, Any]]:
    done = asked()
    assert done.returncode == 0, done.stderr
    return {setting["key"]: setting for setting in json.loads(done.stdout)["jobType"]["settings"]}


def compiled(**given: Any) -> list[dict[str, Any]]:
    usual = {key: setting["default"] for key, setting in settings_of_the_panel().items() if "default" in setting}
    done = asked(json.dumps({**usual, "output": "/shared/made", **given}))
    assert done.returncode == 0, done.stderr
    tasks: list[dict[str, Any]] = json.loads(done.stdout)["tasks"]
    return tasks


def understood(task: dict[str, Any]) -> argparse.Namespace:
    """What our own command line makes of the task's only command."""
    ((command,), kind) = task["commands"], task["type"]
    assert (command["name"], kind) == ("exec", "misc")
    assert command["parameters"]["exe"] == "{msdPython}"
    unbuffered, *module = command["parameters"]["args"][:3]
    assert (unbuffered, module) == ("-u", ["-m", "server"])
    arguments = command["parameters"]["args"][3:]
    return build_parser(arguments[:1]).parse_args(arguments)


def test_the_panel_shows_settings_as_flamenco_knows_them() -> None:
    known = {"key", "type", "subtype", "choices", "propargs", "description", "label", "default", "eval", "evalInfo"}
    for key, setting in settings_of_the_panel().items():
        assert set(setting) <= known | {"visible", "required", "editable"}, key
        assert setting["type"] in ("string", "int32", "float", "bool"), key
        assert setting.get("visible") in (None, "visible", "hidden", "submission", "web"), key
        assert "choices" not in setting or setting["default"] in setting["choices"], key
        assert setting["description"], key
        if "eval" in setting:
            compile(setting["eval"], key, "eval")


def test_what_can_be_chosen_is_what_the_server_knows() -> None:
    settings = settings_of_the_panel()
    assert settings["preset"]["choices"] == list(get_args(Preset))
    assert all(device in NAMES for device in settings["device"]["choices"])
    assert settings["prior"]["default"] == Recipe(kind="mesh", prompt="a duck").prior


def test_a_prompt_becomes_a_task_for_every_seed() -> None:
    tasks = compiled(prompt="a red duck", seeds="7, 9-11", preset="sketch", device="cpu")
    found = [understood(task) for task in tasks]
    assert [args.seed for args in found] == [7, 9, 10, 11]
    assert {args.prompt for args in found} == {"a red duck"}
    assert {(args.command, args.preset, args.prior, args.device) for args in found} == {
        ("mesh", "sketch", "embedded", "cpu")
    }
    assert [str(args.out) for args in found] == [f"/shared/made/seed-{seed}.glb" for seed in (7, 9, 10, 11)]


def test_a_prompt_is_never_taken_for_an_option() -> None:
    (task,) = compiled(prompt="--failed; rm -rf 'x'", seeds="1", device="cpu")
    assert understood(task).prompt == "--failed; rm -rf 'x'"


def test_a_table_becomes_shares_that_are_all_of_it_and_a_report_after_them() -> None:
    *shares, report = compiled(table="/shared/prompts.csv", shares=3, device="cpu")
    found = [understood(task) for task in shares]
    assert [args.part for args in found] == [(1, 3), (2, 3), (3, 3)]
    assert {(args.command, str(args.file), str(args.out)) for args in found} == {
        ("batch", "/shared/prompts.csv", "/shared/made")
    }
    last = understood(report)
    assert (last.command, last.part, str(last.out)) == ("batch", None, "/shared/made")
    assert report["needs"] == [task["name"] for task in shares]


def test_a_job_of_nothing_is_refused_when_it_is_sent() -> None:
    done = asked(json.dumps({"output": "/shared/made", "prompt": " ", "seeds": "0", "shares": 1, "device": "cpu"}))
    assert done.returncode != 0
    assert "Give a table, or a prompt." in done.stderr
