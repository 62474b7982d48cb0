"""`pip install .` gives a command of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "server", source / "server", ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(source)]
    subprocess.run(pip, check=True)
    return target


def said_by(installed: Path, *arguments: str) -> str:
    command = [sys.executable, str(installed / "bin" / "blender-msd"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        command, cwd=installed, env=environment, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout


def test_the_installed_command_knows_all_commands(installed: Path) -> None:
    assert "train-prior" in said_by(installed, "--help")


def test_the_prior_that_ships_is_installed_with_it(installed: Path) -> None:
    priors = {prior["name"]: prior for prior in json.loads(said_by(installed, "priors", "--json"))["priors"]}
    assert priors["embedded"]["usable"]
    assert priors["embedded"]["path"].startswith(str(installed))
