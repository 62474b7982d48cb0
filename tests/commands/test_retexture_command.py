"""`python -m server retexture`: a file with a mesh becomes a picture for its UVs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.commands.main import main
from server.meshing.given import given_bytes
from tests.meshing.given_meshes import cube, cube_arrays

SHORT = ["--prior", "exact", "--steps", "3", "--render-size", "16", "--size", "64"]


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "cube.npz").write_bytes(given_bytes(cube()))
    return tmp_path / "cube.npz"


def test_the_picture_is_written_and_carries_its_recipe(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = mesh.with_name("cube.png")
    assert main(["retexture", str(mesh), "a red cube", "--out", str(out), *SHORT, "--json"]) == 0
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert (said["out"], said["width"], said["height"], said["faces"]) == (str(out), 64, 64, 12)
    # What is found on the way is in the document, too: no camera looks at a cube's underside.
    (warning,) = said["warnings"]
    assert "is seen by no camera" in warning
    assert f"warning: {warning}" in printed.err
    assert said["denoiser_calls"] > 0
    with Image.open(out) as picture:
        assert picture.size == (64, 64)
        assert json.loads(picture.info["recipe"])["kind"] == "retexture"
    assert sorted(path.name for path in mesh.parent.iterdir()) == ["cube.npz", "cube.png"]


def test_a_dry_run_says_what_it_would_cost_and_writes_nothing(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = mesh.with_name("cube.png")
    assert main(["retexture", str(mesh), "a red cube", "--out", str(out), *SHORT, "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["steps"]) == ("retexture", 3)
    assert not out.exists()


def test_wrong_usage_is_said_in_one_line(mesh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(mesh.with_name("plain.npz"), **{name: cube_arrays()[name] for name in ("position", "triangle")})
    for arguments, code in (
        ([str(mesh), "red bricks"], "prompt-unreadable"),
        ([str(mesh), "a red cube", "--out", "cube.jpg"], "format-unknown"),
        ([str(mesh), "a red cube", "--size", "7"], "usage-wrong"),
        ([str(mesh.with_name("none.glb")), "a red cube"], "mesh-missing"),
        ([str(mesh.with_name("plain.npz")), "a red cube"], "mesh-without-uvs"),
    ):
        assert main(["retexture", *arguments, "--json"]) == 2, arguments
        said = capsys.readouterr()
        assert json.loads(said.out)["error"]["code"] == code
        assert len(said.err.strip().splitlines()) == 1
