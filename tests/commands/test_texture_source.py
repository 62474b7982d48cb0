"""`python -m server texture --from IMAGE`: a texture begins as a picture of any size."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.commands.main import main
from server.png import png_bytes

SHORT = ["--prior", "exact", "--steps", "3"]


@pytest.fixture
def wall(tmp_path: Path) -> Path:
    line = np.arange(48) / 48 * 2 * np.pi
    field = np.rint(127 + 80 * np.sin(line)[None] * np.cos(line[:32])[:, None]).astype(np.uint8)
    (tmp_path / "wall.png").write_bytes(png_bytes(np.repeat(field[..., None], 3, 2)))
    return tmp_path / "wall.png"


def test_a_picture_of_which_nothing_is_reimagined_is_written_as_it_is(
    wall: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = wall.with_name("out.png")
    assert main(["texture", "red bricks", "--from", str(wall), "--reimagine", "0", "--out", str(out), *SHORT]) == 0
    with Image.open(out) as made, Image.open(wall) as given:
        assert made.size == (48, 32)
        assert np.array_equal(np.asarray(made), np.asarray(given))
        source = json.loads(made.info["recipe"])["texture"]["source"]
    assert source["image"] == hashlib.sha256(wall.read_bytes()).hexdigest()
    assert sorted(path.name for path in wall.parent.iterdir()) == ["out.png", "wall.png"]


def test_wrong_usage_is_said_in_one_line(wall: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wall.with_name("text.png").write_text("no picture", encoding="utf-8")
    for arguments, code in (
        (["--reimagine", "0.5"], "usage-wrong"),
        (["--mask", str(wall)], "usage-wrong"),
        (["--from", str(wall), "--reimagine", "2"], "usage-wrong"),
        (["--from", str(wall.with_name("none.png"))], "image-missing"),
        (["--from", str(wall.with_name("text.png"))], "image-unreadable"),
        (["--from", str(wall), "--mask", str(wall.with_name("text.png"))], "image-unreadable"),
    ):
        assert main(["texture", "red bricks", *arguments, "--json"]) == 2, arguments
        said = capsys.readouterr()
        assert json.loads(said.out)["error"]["code"] == code, arguments
        assert len(said.err.strip().splitlines()) == 1
